"""What a recipe means today, written down: every package, wheel and piece of content by version, size and hash."""
