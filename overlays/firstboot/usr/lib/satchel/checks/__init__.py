"""The recipe's claims about the running device, proved on the device itself; one small file for each kind of claim."""
