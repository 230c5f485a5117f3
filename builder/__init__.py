"""Satchel: bootable images for servers that live where there is no internet."""

__version__ = "0.1.0"
