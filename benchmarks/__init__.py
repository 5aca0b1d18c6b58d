"""End-to-end measurements of whole servers; see README.md in this folder."""
