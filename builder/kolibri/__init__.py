"""Kolibri: reading channels, making the demonstration channel, filling a home and sealing it."""
