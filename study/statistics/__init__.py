"""Statistics shared by the steps after a search."""
