"""NAS module 3: how good is a candidate, at what price."""
