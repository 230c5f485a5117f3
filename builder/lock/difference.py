"""Two locks compared, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from builder.lock.model import Content, Deb, Lock, LockedChannel, LockedImage, LockedTree, Wheel
from builder.units import format_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One package that another lock has in another version, or not at all."""

    name: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        if self.old is None:
            return f"added {self.name} {self.new}"
        if self.new is None:
            return f"removed {self.name} {self.old}"
        if self.old == self.new:
            return f"{self.name} {self.new}: the same version, but another file"
        return f"{self.name} {self.old} -> {self.new}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What one lock has and another has not."""

    packages: tuple[Change, ...]
    """Debian packages of the image."""
    wheels: tuple[Change, ...]
    """Python packages, each named with its environment."""
    content: tuple[str, ...]
    tools: tuple[Change, ...]
    """Debian packages of the workshop; one of them makes everything anew."""
    new_bytes: int
    """How much of the newer lock the older one does not have."""

    def __bool__(self) -> bool:
        return bool(self.packages or self.wheels or self.content or self.tools)

    def as_dict(self) -> dict[str, object]:
        """For scripts."""
        named = {"packages": self.packages, "wheels": self.wheels, "tools": self.tools}
        changes = {
            section: [{"name": each.name, "old": each.old, "new": each.new} for each in found]
            for section, found in named.items()
        }
        return {**changes, "content": list(self.content), "new_bytes": self.new_bytes}


def compare(old: Lock | None, new: Lock) -> Difference:
    """What `new` brings; everything in it when there was no lock."""
    debs_before: Sequence[Deb] = (*old.base, *old.apt) if old else ()
    files_before = {file.sha256 for file in old.files()} if old else set()
    files_now = {file.sha256: file.size_bytes for file in new.files()}
    return Difference(
        packages=_changes(_debs(debs_before), _debs((*new.base, *new.apt))),
        wheels=_changes(_wheels(old.wheels if old else ()), _wheels(new.wheels)),
        content=tuple(_content(old, new)),
        tools=_changes(_debs(old.tools if old else ()), _debs(new.tools)),
        new_bytes=sum(size for sha256, size in files_now.items() if sha256 not in files_before),
    )


def render(difference: Difference) -> str:
    """The difference for people, a line for each change; tools in one line, because few people care which."""
    lines = [str(change) for change in (*difference.packages, *difference.wheels)]
    lines += difference.content
    if difference.tools:
        named = ", ".join(change.name for change in difference.tools[:3])
        more = len(difference.tools) - 3
        lines.append(f"tools: {named}{f' and {more} more' if more > 0 else ''}; everything will be made anew")
    if not lines:
        return "no difference"
    return "\n".join([*lines, f"{format_size(difference.new_bytes)} of files are new"])


def _debs(debs: Iterable[Deb]) -> dict[str, tuple[str, str]]:
    return {deb.name: (deb.version, deb.sha256) for deb in debs}


def _wheels(wheels: Iterable[Wheel]) -> dict[str, tuple[str, str]]:
    return {f"{wheel.venv}: {wheel.name}": (wheel.version, wheel.sha256) for wheel in wheels}


def _changes(old: Mapping[str, tuple[str, str]], new: Mapping[str, tuple[str, str]]) -> tuple[Change, ...]:
    """From packages by name with version and hash; other versions first, then what is added, then what is removed."""
    changes = (
        Change(name=name, old=old[name][0] if name in old else None, new=new[name][0] if name in new else None)
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )
    return tuple(sorted(changes, key=lambda change: (change.new is None, change.old is None)))


_Piece = TypeVar("_Piece", Content, LockedChannel, LockedImage, LockedTree)
_Key = TypeVar("_Key", int, str)


def _pieces(
    old: Iterable[_Piece],
    new: Iterable[_Piece],
    *,
    key: Callable[[_Piece], _Key],
    told: Callable[[_Piece], tuple[str, str]],
    what: Callable[[_Piece], object],
) -> Iterator[str]:
    """What became of each piece: `told` is its kind and the rest about it, `what` decides whether it is another."""
    before, now = {key(piece): piece for piece in old}, {key(piece): piece for piece in new}
    for place in sorted({**before, **now}):
        was, is_now = before.get(place), now.get(place)
        if was is None and is_now is not None:
            yield f"added {' '.join(told(is_now))}"
        elif is_now is None and was is not None:
            yield f"removed {' '.join(told(was))}"
        elif was is not None and is_now is not None and what(was) != what(is_now):
            yield f"{' '.join(told(was))} -> {told(is_now)[1]}"


def _content(old: Lock | None, new: Lock) -> Iterator[str]:
    yield from _pieces(
        old.content if old else (),
        new.content,
        key=lambda content: content.source,
        told=lambda content: (f"content[{content.source}]", content.description),
        what=lambda content: content.digest,
    )
    yield from _pieces(
        old.channels if old else (),
        new.channels,
        key=lambda channel: channel.id,
        told=lambda channel: ("channel", _said(channel)),
        what=lambda channel: channel,
    )
    yield from _pieces(
        old.trees if old else (),
        new.trees,
        key=lambda tree: tree.source,
        told=lambda tree: ("files", _held(tree)),
        what=lambda tree: tree.sha256,
    )
    yield from _pieces(
        old.images if old else (),
        new.images,
        key=lambda image: image.name,
        told=lambda image: ("image", f"{image.name} ({image.digest[:19]})"),
        what=lambda image: image.digest,
    )


def _held(tree: LockedTree) -> str:
    return f"{tree.name} ({tree.files} file{'' if tree.files == 1 else 's'}, {format_size(tree.bytes)})"


def _said(channel: LockedChannel) -> str:
    size = format_size(channel.bytes + channel.size_bytes)
    return f"{channel.name} (version {channel.version}, {channel.resources} resources, {size})"
