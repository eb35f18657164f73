"""NAS module 2: what to try next, and what to stop early."""
