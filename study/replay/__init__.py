"""From a stored study back to its draws: each worked out again from what its trial had seen."""
