"""Data sets as tensors: files, splits, checks and the locked test part."""
