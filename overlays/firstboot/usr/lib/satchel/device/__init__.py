"""What every program on the device shares: where things lie, how files are written, what the recipe decided."""
