"""Tabulated benchmarks: every candidate of a small space trained beforehand."""
