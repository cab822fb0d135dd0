"""Measures: how well grids explain a difference, and how alike two representations are as a whole."""
