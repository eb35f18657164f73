"""Running a study: workers, the candidate source and progress."""
