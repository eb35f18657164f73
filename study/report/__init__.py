"""What a study found, as text, tables and pictures; pure until written."""
