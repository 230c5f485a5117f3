"""Content sticks: signed channels for devices that are in use, written to a directory or into an image file.

The device's side lies in overlays/content-stick; `manifest` here and there describe the same form.
"""
