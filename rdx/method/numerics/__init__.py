"""Eigenvectors, k-means and affinities, where libraries are slow at the sizes met here, or not sure."""
