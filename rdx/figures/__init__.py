"""Drawing only: arrays and images in, picture files out."""
