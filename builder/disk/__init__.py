"""Disk images out of trees: file systems, boot loaders, the partition table and what is published about them."""
