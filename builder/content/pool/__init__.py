"""The pool: every file of content once, whoever needs it."""
