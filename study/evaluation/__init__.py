"""From a search to a result that stands: confirm, test once, export."""
