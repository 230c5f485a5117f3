"""What each verb does: it wires rooms together and prints results to stdout."""
