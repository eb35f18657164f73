"""What ``check`` says about a search space."""
