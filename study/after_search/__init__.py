"""From a search to a result: confirm, test, export and reproduce, as commands run them."""
