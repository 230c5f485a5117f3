"""Prove what an image claims: boot it in virtual machines, listen to the device itself, compare clones."""
