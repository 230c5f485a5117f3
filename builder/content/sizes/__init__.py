"""What content takes: on the card, on this machine, and what leaving some of it out would free."""
