"""The stages of a layer analysis."""
