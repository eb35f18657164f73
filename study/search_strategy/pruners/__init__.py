"""Pruners: what stops a training early. One algorithm a file."""
