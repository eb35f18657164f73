"""What this program adds to a study in optuna-dashboard, and the dashboard's server."""
