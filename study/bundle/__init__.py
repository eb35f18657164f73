"""A network as files: export, load, predict, reproduce."""
