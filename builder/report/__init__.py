"""The report page: one file for people that tells what is in an image, what fills it, and how it was made."""
