"""YAML text to ``SearchSpace``; every error names its line."""
