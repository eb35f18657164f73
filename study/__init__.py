"""Neural architecture search studies for small image classifiers."""

__version__ = "0.1.0"
