"""Results looked up in a table of earlier trainings."""
