"""Names and directories of the build host, searched for byte by byte."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree, TreeFile

_PLACES_OF_NAMES = ("etc/*", "var/*")
_FOUND_BY_OTHERS = frozenset({"etc/hostname", "etc/mailname"})

_COMMON_NAMES = frozenset(
    {"localhost", "debian", "ubuntu", "server", "linux", "builder", "buildd", "kolibri", "satchel"}
)
"""Host names that are words of our own files, so that finding them proves nothing."""


def _pattern(words: Iterable[str]) -> re.Pattern[bytes]:
    alternatives = b"|".join(re.escape(word.encode()) for word in words)
    return re.compile(rb"(?<![A-Za-z0-9_.-])(?:" + alternatives + rb")(?![A-Za-z0-9_])")


def _searches(tree: Tree, facts: Facts) -> Iterator[tuple[list[str], Iterable[TreeFile]]]:
    """Words, and the files in which each of them would be a trace."""
    host = facts.build_host
    # A directory that the device has too, such as /srv, is no trace.
    directories = [path for path in host.directories if path != "/" and not tree.has_directory(path.strip("/"))]
    name = host.name.partition(".")[0]
    telling = len(name) >= 4 and name.lower() not in _COMMON_NAMES
    if telling and name.isalpha():
        # A name that may be a word of any language is not searched for in lessons and their databases.
        yield [name], tree.files(*_PLACES_OF_NAMES)
    elif telling:
        directories.append(name)
    if directories:
        yield directories, tree.outside_usr()


def _packaged(tree: Tree) -> frozenset[str]:
    """MD5 sums of all files as Debian's packages brought them, configuration files included."""
    sums: set[str] = set()
    for file in tree.files("var/lib/dpkg/info/*.md5sums"):
        sums.update(line[:32] for line in tree.text(file.path).splitlines())
    sums.update(re.findall(r"^ /\S+ ([0-9a-f]{32})", tree.text("var/lib/dpkg/status"), re.MULTILINE))
    return frozenset(sums)


def _find(tree: Tree, facts: Facts) -> Iterable[Hit]:
    packaged: frozenset[str] | None = None
    for words, files in _searches(tree, facts):
        pattern, literally = _pattern(words), tuple(word.encode() for word in words)
        for file in files:
            match = tree.search(file, pattern, any_of=literally)
            if match is None or file.path in _FOUND_BY_OTHERS:
                continue
            packaged = _packaged(tree) if packaged is None else packaged
            content = hashlib.md5(tree.read(file.path), usedforsecurity=False)
            # What a package brought unchanged cannot know our build host.
            if content.hexdigest() not in packaged:
                yield file.path, f"mentions {match.decode()} of the build host"


RULE = Rule(
    name="build-host",
    severity=Severity.SERIOUS,
    why="the image would tell where it was built, and hold paths that do not exist on the device",
    remedy="find the step that wrote it and give it a neutral name or path; remove what only the build needs",
    find=_find,
)
