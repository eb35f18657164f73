"""NAS module 1: what may be tried. Imports neither torch nor optuna."""
