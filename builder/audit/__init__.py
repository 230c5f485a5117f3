"""The audit: what must never be inside an image.

An image is copied onto many cards, so whatever makes a machine itself (keys, ids, passwords, names, traces of the
build host) would be shared by all of them. Each rule is one small file in `rules`; `engine.audit_tree` applies all of
them to a directory tree, and `image.audit_image` first reads a finished image, without mounting it. The same call
serves `satchel audit` and the gate that a build must pass before its image gets its final name:
`engine.check_findings`.

Nothing here trusts the tree it looks at: links in it are never followed, so they cannot lead into the build host.
"""
