"""The only door to other programs and to what the host's kernel can do."""
