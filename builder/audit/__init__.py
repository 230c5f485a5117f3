"""The audit: what must never be inside an image.

An image is copied onto many cards, so whatever makes a machine itself (keys, ids, passwords, names, traces of the
build host) would be shared by all of them. Each rule is one small file in `rules`; `engine.audit_tree` applies them to
a directory tree, and `image.Auditor` first reads an image, ours or anybody's, without mounting it. `verdict.judge` sets
the waived findings apart. The same engine serves `satchel audit` and the gate that a build must pass before its image
gets its final name: `telling.require_clean`.

Nothing here trusts the tree it looks at: links in it are never followed, so they cannot lead into the build host.
"""
