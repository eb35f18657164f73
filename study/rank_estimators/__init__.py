"""How well cheap estimates rank candidates, measured on one space."""
