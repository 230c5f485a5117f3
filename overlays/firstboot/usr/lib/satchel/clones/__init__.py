"""Copied cards: noticing that a device's disk is in another machine, or that its twin is near, and mending it."""
