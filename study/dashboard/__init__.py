"""What optuna-dashboard shows of a study beside its numbers, and the server that shows it."""
