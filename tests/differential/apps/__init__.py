"""The apps of the table."""
