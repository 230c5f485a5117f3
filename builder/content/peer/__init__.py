"""A server of content, which Kolibris import from as from another Kolibri."""
