"""What shells and other interactive programs remember of the people who used them."""

from __future__ import annotations

from builder.audit.finding import Rule, Severity, non_empty_files

_FILES = (
    ".bash_history",
    ".zsh_history",
    ".ash_history",
    ".histfile",
    ".local/share/fish/fish_history",
    ".python_history",
    ".node_repl_history",
    ".sqlite_history",
    ".psql_history",
    ".mysql_history",
    ".rediscli_history",
    ".lesshst",
    ".viminfo",
    ".wget-hsts",
    ".ssh/known_hosts",
    ".local/share/recently-used.xbel",
)

RULE = Rule(
    name="histories",
    severity=Severity.SERIOUS,
    why="histories show what somebody typed while building, often with passwords and addresses",
    remedy="remove it, and do not work by hand in a tree that becomes an image",
    find=non_empty_files(*(f"*/{name}" for name in _FILES), what="remembers what somebody did"),
)
