"""Candidates of a study, trained again in a linked study."""
