"""The settings of a study, parsed and validated once."""
