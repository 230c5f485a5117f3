"""Sources of channels, a file for each kind."""
