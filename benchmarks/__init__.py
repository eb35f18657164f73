"""What the project claims about speed and search quality, to be measured again."""
