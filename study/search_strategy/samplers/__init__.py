"""Samplers: what to try next. One algorithm a file."""
