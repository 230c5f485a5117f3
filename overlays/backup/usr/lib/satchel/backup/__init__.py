"""Backups of this device: made whole or not at all, verified, and put back so that it can be undone."""
