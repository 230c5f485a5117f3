"""Images of containers: where they come from, what is in them, and the store that podman reads.

The formats are those of the Open Container Initiative: image specification 1.1, distribution specification 1.1.
"""
