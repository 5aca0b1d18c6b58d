"""The applications that are served."""
