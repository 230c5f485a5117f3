"""First boot: what turns a card like all others into a device of its own, once, whatever happens to the power."""
