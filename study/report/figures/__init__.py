"""Interactive figures, one kind a file; importing any of them loads plotly."""
