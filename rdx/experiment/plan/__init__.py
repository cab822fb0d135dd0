"""What is to be done and what it needs, before the work."""
