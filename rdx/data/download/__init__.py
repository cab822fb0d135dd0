"""Fetching data sets and weights: one file a source."""
