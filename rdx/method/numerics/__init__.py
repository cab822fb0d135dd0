"""Eigenvectors and k-means, where libraries are slow at the sizes met here, or not sure."""
