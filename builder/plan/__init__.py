"""Recipe and facts in, decisions out: layer keys, reasons, the disk layout. Pure."""
