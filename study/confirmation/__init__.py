"""``confirm``: the best candidates, trained again with fresh seeds."""
