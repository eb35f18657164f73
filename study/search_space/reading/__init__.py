"""From YAML text to a ``SearchSpace``; every error has its line."""
