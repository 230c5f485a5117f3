"""Power cuts: record the writes of one first boot, cut the power at many points of it, and see what comes up again."""
