"""How well do samplers search? Paired repeats on tables, and what they add up to."""
