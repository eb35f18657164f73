"""Which candidate a trial tries: lost, promoted, listed, screened or sampled."""
