"""Results of earlier studies: reuse, fork, warm start."""
