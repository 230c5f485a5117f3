"""Two images compared by what they say of themselves: recipe, packages, content, partitions, checks. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from builder.manifest import Manifest
from builder.units import format_size

_ELSEWHERE: Final = (("disk", "partitions"), ("checks",), ("units",))
"""Parts of a recipe that have groups of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that is not the same; None on the side where it is not there."""

    what: str
    before: str | None
    after: str | None

    def sentence(self) -> str:
        """In words."""
        if self.before is None:
            return f"added    {self.what} {self.after}".rstrip()
        if self.after is None:
            return f"removed  {self.what} {self.before}".rstrip()
        return f"{self.what}: {self.before} -> {self.after}"

    def as_dict(self) -> dict[str, str | None]:
        """For scripts."""
        return asdict(self)


def described_changes(before: Manifest, after: Manifest) -> dict[str, tuple[Change, ...]]:
    """What differs, by group; the groups are always the same, empty where nothing differs."""
    return {
        "recipe": tuple(_recipe(before, after)),
        "packages": tuple(_compared(_packages(before), _packages(after))),
        "content": tuple(_compared(_content(before), _content(after))),
        "partitions": tuple(_partitions(before, after)),
        "checks": tuple(_compared(_checks(before), _checks(after))),
    }


def _compared(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for what in sorted(before.keys() | after.keys()):
        if before.get(what) != after.get(what):
            yield Change(what=what, before=before.get(what), after=after.get(what))


def _recipe(before: Manifest, after: Manifest) -> Iterator[Change]:
    yield from _compared({"Satchel": before.satchel}, {"Satchel": after.satchel})
    yield from _compared({"date of the lock": _day(before.date)}, {"date of the lock": _day(after.date)})
    yield from _compared(_parameters(before), _parameters(after))
    yield from _compared(_keys(before), _keys(after))


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _parameters(manifest: Manifest) -> dict[str, str]:
    return {f"parameter {name}": json.dumps(value, ensure_ascii=False) for name, value in manifest.params.items()}


def _keys(manifest: Manifest) -> dict[str, str]:
    whole = manifest.recipe.model_dump(mode="json", exclude_none=True)
    whole.pop("params", None)
    return dict(_flat(whole, ()))


def _flat(value: Any, keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if keys in _ELSEWHERE:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, (*keys, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            if isinstance(inner, dict):
                named = inner.get("name") or inner.get("venv") or str(number)
                yield from _flat(inner, (*keys[:-1], f"{keys[-1]}[{named}]"))
            else:
                # An item of a plain list is there or not; it has no value besides itself.
                yield f"{'.'.join(keys)}: {inner}", ""
    else:
        yield ".".join(keys), json.dumps(value, ensure_ascii=False)


def _packages(manifest: Manifest) -> dict[str, str]:
    return {
        f"{package.name} (in {package.where})" if package.kind == "wheel" else package.name: package.version
        for package in manifest.packages
    }


def _content(manifest: Manifest) -> dict[str, str]:
    return {
        f"channel {channel.name}": (
            f"version {channel.version}, {channel.resources:,} resources, {channel.bytes:,} bytes"
        )
        for channel in manifest.content
    }


def _checks(manifest: Manifest) -> dict[str, str]:
    return {
        check.name: _words(check.model_dump(mode="json", exclude_none=True, exclude={"name"}))
        for check in manifest.checks
    }


def _partitions(before: Manifest, after: Manifest) -> Iterator[Change]:
    sizes = [format_size(manifest.disk.size_bytes) for manifest in (before, after)]
    yield from _compared({"image": sizes[0]}, {"image": sizes[1]})
    yield from _compared({"disk GUID": before.disk.guid}, {"disk GUID": after.disk.guid})
    old, new = ({record.name: record for record in manifest.disk.partitions} for manifest in (before, after))
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in old or name not in new:
            record = old.get(name) or new[name]
            text = f"{format_size(record.size_bytes)} {record.filesystem or record.type}"
            there = (text, None) if name in old else (None, text)
            yield Change(what=f"partition {name}", before=there[0], after=there[1])
            continue
        pairs = (
            {field: _value(field, value) for field, value in record.model_dump(mode="json").items()}
            for record in (old[name], new[name])
        )
        for change in _compared(*pairs):
            yield Change(what=f"partition {name}, {change.what}", before=change.before, after=change.after)


def _value(field: str, value: Any) -> str:
    if field == "size_bytes":
        return f"{format_size(value)} ({value:,} bytes)"
    if field == "start_bytes":
        return f"byte {value:,}"
    return value if isinstance(value, str) else _words(value)


def _words(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
