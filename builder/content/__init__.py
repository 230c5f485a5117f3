"""Content: where it comes from, the pool that keeps every file once, and what leaves it for devices in the field."""
