"""What is kept of a study: its database, its trials, its ledger, and who may write when."""
