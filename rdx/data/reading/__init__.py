"""Reading files: one file a format."""
