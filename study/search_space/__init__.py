"""NAS module 1: what a study may try. Imports neither torch nor optuna."""
