"""What a tree of plain files holds: the text that a lock names by its SHA-256, a line of JSON for each path. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from builder.content.pool.hashed import Hashed
from builder.errors import ArtifactError
from builder.kolibri.channels import ContentFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Everything in a tree; paths are relative to its top, with slashes."""

    files: Mapping[str, Hashed]
    directories: frozenset[str]
    """All of them, but for the top."""
    links: Mapping[str, str]
    """Symbolic links, with their targets, which stay inside the tree."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())

    @property
    def pooled(self) -> Mapping[str, ContentFile]:
        """What the pool of content calls each file, by path."""
        return {path: file.pooled(path) for path, file in self.files.items()}

    def text(self) -> bytes:
        """The listing as it is kept: the same tree gives the same bytes."""
        entries: dict[str, dict[str, object]] = {
            **{path: {"directory": path} for path in self.directories},
            **{path: {"link": path, "target": target} for path, target in self.links.items()},
            **{
                path: {"file": path, "size": file.size, "md5": file.md5, "sha256": file.sha256}
                for path, file in self.files.items()
            },
        }
        lines = (json.dumps(entries[path], ensure_ascii=False) for path in sorted(entries))
        return "".join(f"{line}\n" for line in lines).encode()


def parse_listing(text: bytes) -> Listing:
    """The listing in a text that `Listing.text` made.

    Raises:
        ArtifactError: it did not.
    """
    files: dict[str, Hashed] = {}
    directories: set[str] = set()
    links: dict[str, str] = {}
    try:
        for entry in _entries(text):
            if "file" in entry:
                hashed = Hashed(size=int(entry["size"]), md5=str(entry["md5"]), sha256=str(entry["sha256"]))
                files[_inside(entry["file"])] = hashed
            elif "link" in entry:
                links[_inside(entry["link"])] = str(entry["target"])
            else:
                directories.add(_inside(entry["directory"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"this is no listing of files: {error!r}") from error
    return Listing(files=files, directories=frozenset(directories), links=links)


def _entries(text: bytes) -> Iterator[dict[str, str | int]]:
    # Not splitlines: names may hold what it takes for the end of a line.
    return (json.loads(line) for line in text.split(b"\n") if line)


def _inside(path: object) -> str:
    """A bundle may come from anybody."""
    if not isinstance(path, str) or path.startswith("/") or {"", ".", ".."} & set(path.split("/")):
        raise ValueError(f"a path {path!r}")
    return path
