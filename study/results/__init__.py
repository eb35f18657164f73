"""What a study found so far: ranking, summary, descriptions."""
