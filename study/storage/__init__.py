"""The stored study: its database, trials, states, costs, locks and checkpoints."""
