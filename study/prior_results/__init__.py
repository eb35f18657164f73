"""Results of other studies taken over: reused, forked, or learnt from only."""
