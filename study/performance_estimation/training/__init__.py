"""Training and validation, the exact and most expensive estimate."""
