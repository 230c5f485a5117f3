"""Bulk flashing: one image onto many cards, each at its own pace, each proved, each somebody of its own."""
