"""The seed: what a technician tells one card, and what the device understands. Pure, and the same code on both sides.

The host imports this package from the overlay (`builder.identity`), so the two cannot drift apart.
"""
