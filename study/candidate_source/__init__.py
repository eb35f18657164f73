"""Where a trial's candidate comes from: lost, promoted, listed, screened or drawn."""
