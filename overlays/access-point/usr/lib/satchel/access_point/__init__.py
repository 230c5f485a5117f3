"""A wireless network that the device makes, on which every name is its own."""
