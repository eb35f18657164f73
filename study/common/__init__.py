"""Errors, atomic writes, artifact paths, the stop flag and versions."""
