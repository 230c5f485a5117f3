"""What differs between two images, in words; and why a path is in a tree."""
