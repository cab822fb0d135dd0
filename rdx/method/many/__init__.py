"""Many items: which pairs are looked at, and their ranks."""
