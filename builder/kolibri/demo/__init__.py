"""The demonstration channel: real lessons, made by Satchel itself, the same bytes every time."""
