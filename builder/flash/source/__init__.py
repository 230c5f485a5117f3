"""What shall be on every card: anybody's image, read, checked and decoded once."""
