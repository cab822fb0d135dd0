"""The tiles of many items on CUDA."""
