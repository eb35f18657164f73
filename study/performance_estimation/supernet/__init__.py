"""Weights shared by all candidates of a space."""
