"""What ``check`` reports about a search space."""
