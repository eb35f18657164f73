"""``compare`` and ``replay``: how well samplers search, and whether a study repeats exactly."""
