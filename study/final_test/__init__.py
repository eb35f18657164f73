"""``test``: the confirmed candidate, measured once on the test part."""
