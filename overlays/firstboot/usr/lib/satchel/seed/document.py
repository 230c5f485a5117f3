"""The seed as a text that people can edit: TOML, in a file with a fixed place on the FAT partition. Pure.

A seed is whole only with its last line: whatever cuts a text short takes that line away first. A file with nothing but
comments and white space is a place without a seed. A seed from which the secrets were taken says so in its last table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from seed import code, rules

FILE = "satchel-seed.txt"
"""Its name at the top of the FAT partition; `.txt`, so that every laptop opens it in an editor."""

ROOM = 64 * 1024
"""Bytes that an image keeps for it."""

VERSION = 1

MOST_PROBLEMS = 30
"""How many problems are looked for: nobody reads more, and each costs a slow board some time."""

TAKEN = f"version = {VERSION}\n[end]\ntaken = true\ncomplete = true\n"
"""The least that says so."""

_LONGEST_MESSAGE = 200

_PLACEHOLDER = """\
# The place of this card's seed: what the device becomes at its first start.
# Without one it chooses a code, a name and a password for itself, and that is fine.
"""
_HEADING = """\
# What this card becomes at its first start. Plain text in UTF-8 (TOML): change what stands between the quotes,
# keep the last line, and put the card back. The secrets are removed from here once the device has them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    """The Kolibri facility; what is none comes from the recipe."""

    name: str | None = None
    location: str | None = None
    preset: str | None = None
    language: str | None = None
    admin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wifi:
    """The wireless network that the device makes; without a passphrase it makes one for itself."""

    ssid: str
    passphrase: str | None = field(default=None, repr=False)
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """What one device is told. What is none, it decides for itself or takes from its recipe."""

    image: str | None = None
    """The recipe that the seed is for; a device of another refuses it."""
    code: str | None = None
    hostname: str | None = None
    timezone: str | None = None
    facility: Facility = Facility()
    wifi: Wifi | None = None
    admin_password: str | None = field(default=None, repr=False)
    born: str | None = field(default=None, repr=False)
    """A facility that was born on the build host, as `identity` packed it; holds its private key."""
    shared: dict[str, str] = field(default_factory=dict, repr=False)
    """Secrets that the devices of a site have in common, by name."""
    extra: dict[str, str] = field(default_factory=dict)
    """Values for overlays, by name."""
    taken: bool = False
    """The device has taken it over, and the secrets were removed."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing that is wrong with a seed; line 0 is the whole of it."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


class SeedError(ValueError):
    """A text that is no seed; holds every problem, in reading order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


_FIELDS: dict[str, dict[str, Callable[[str], str | None]]] = {
    "site": {"code": rules.facility_code, "hostname": rules.hostname, "timezone": rules.timezone},
    "facility": {
        "name": rules.facility_name,
        "location": rules.location,
        "preset": rules.preset,
        "language": rules.language,
        "admin": rules.admin,
    },
    "wifi": {"ssid": rules.ssid, "passphrase": rules.passphrase, "country": rules.country},
    "secrets": {"admin_password": rules.password, "born": lambda _: None},
}
_TABLES = (*_FIELDS, "extra", "end")


def empty() -> bytes:
    """A place without a seed, of its full size."""
    return _filled(_PLACEHOLDER)


def render(seed: Seed) -> bytes:
    """A seed as its file, of its full size: padded with empty lines, so that nothing of an older text remains.

    Raises:
        SeedError: it cannot be used, or is too large.
    """
    text = "\n".join(_lines(seed)) + "\n"
    if len(text.encode()) > ROOM:
        raise SeedError((Problem(line=0, message=f"it needs {len(text.encode())} bytes; there are {ROOM}"),))
    parse(text.encode())
    return _filled(text)


def without_secrets(seed: Seed) -> Seed:
    """What may stay on a card: everything but passwords and keys."""
    wifi = Wifi(ssid=seed.wifi.ssid, country=seed.wifi.country) if seed.wifi else None
    public = {name: getattr(seed, name) for name in ("image", "code", "hostname", "timezone", "facility", "extra")}
    return Seed(**public, wifi=wifi, taken=True)


def with_values(seed: Seed, values: Mapping[str, str]) -> Seed:
    """A seed with other values, by their names in the text such as `facility.name`; an empty one takes it away.

    Raises:
        SeedError: there is no such value, or it cannot be used. Says nothing about what was in the seed before.
    """
    document: dict[str, Any] = {**_tables(seed), "image": seed.image, "end": {"taken": seed.taken}}
    problems = []
    for name, value in values.items():
        table, _, key = name.partition(".")
        if table not in (*_FIELDS, "extra") or not key:
            known = ", ".join(f"{place}.{each}" for place, keys in _FIELDS.items() for each in keys)
            problems.append(Problem(line=0, message=f"there is no {name} in a seed, but {known} and extra.NAME"))
        elif value and (message := _field_problem(table, key, value)):
            problems.append(Problem(line=0, message=f"{name}: {message}"))
        else:
            document[table] = {**document[table], key: value or None}
    if document["wifi"] and not document["wifi"].get("ssid"):
        problems.append(Problem(line=0, message="wifi.ssid is missing: a network has a name"))
    if problems:
        raise SeedError(tuple(problems))
    given = {key: value for key, value in document["extra"].items() if value is not None}
    return _seed({**document, "extra": given})


def has_secrets(seed: Seed) -> bool:
    """Whether somebody who reads it could log in, join the network or pretend to be the facility."""
    return bool(seed.admin_password or seed.born or seed.shared or (seed.wifi and seed.wifi.passphrase))


def parse(data: bytes) -> Seed | None:
    """The seed in a file; nothing when its place is empty.

    Raises:
        SeedError: there is something, and it is not a whole seed that can be used.
    """
    # Tens of thousands of empty lines would be read again and again below.
    text = _text(data.rstrip(b"\r\n"))
    if all(line.startswith("#") or not line for line in map(str.strip, text.splitlines())):
        return None
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Not only TOMLDecodeError: numbers of thousands of digits and lists in lists in lists come as these.
        raise SeedError((Problem(line=_cut_line(text, error), message=_toml_words(text, error)),)) from error
    problems = tuple(sorted(islice(_problems(document, text), MOST_PROBLEMS)))
    if problems:
        raise SeedError(problems)
    return _seed(document)


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SeedError((Problem(line=0, message="it was saved as UTF-16; save it as UTF-8 (plain text)"),))
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise SeedError((Problem(line=line, message="it holds zeros: it was only half written, or the disk is bad"),))
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SeedError((Problem(line=line, message="it is not text in UTF-8; save it as UTF-8"),)) from error


def _toml_words(text: str, error: Exception) -> str:
    if "complete = true" not in text:
        return "its last lines are missing: it was only half written"
    return f'it cannot be read: {error}. Texts stand between quotes: name = "..."'


def _cut_line(text: str, error: Exception) -> int:
    """The line in `... (at line 3, column 7)`, or the last one."""
    _, _, place = str(error).partition("(at line ")
    number = place.partition(",")[0]
    return int(number) if number.isdigit() else len(text.rstrip().splitlines())


def _problems(document: dict[str, Any], text: str) -> Iterator[Problem]:
    def problem(message: str, *words: str) -> Problem:
        # A key may hold whatever moves a cursor, and may be as long as the file.
        shown = "".join(character if character.isprintable() else "?" for character in message[:_LONGEST_MESSAGE])
        return Problem(line=_line_of(text, *words), message=shown)

    end = document.get("end")
    if not isinstance(end, dict) or end.get("complete") is not True:
        yield Problem(
            line=0, message="its last lines, [end] and complete = true, are missing: it was only half written"
        )
    if document.get("version") != VERSION:
        yield problem(f"its version is {document.get('version')!r}; this device understands {VERSION}", "version")
    if not isinstance(document.get("image", ""), str):
        yield problem("image must be a text", "image")
    for name in document:
        if name not in (*_TABLES, "version", "image"):
            yield problem(f"there is no {name!r} in a seed", name)
    for table in (*_FIELDS, "extra"):
        values = document.get(table, {})
        if not isinstance(values, dict):
            yield problem(f"{table} must be a table: [{table}]", table)
            continue
        for key, value in values.items():
            if message := _field_problem(table, key, value):
                yield problem(f"{table}.{key}: {message}", table, key)
    if "wifi" in document and isinstance(document["wifi"], dict) and "ssid" not in document["wifi"]:
        yield problem("wifi.ssid is missing: a network has a name", "wifi")


def _field_problem(table: str, key: str, value: object) -> str | None:
    if table == "extra":
        name_problem = rules.extra_name(key)
        if name_problem:
            return f"as a name, {name_problem}"
        rule: Callable[[str], str | None] = rules.extra_value
    elif table == "secrets" and key not in _FIELDS[table]:
        if rules.secret_name(key):
            return "there is no such secret in a seed"
        rule = rules.secret_value
    elif key not in _FIELDS[table]:
        return "there is no such value in a seed"
    else:
        rule = _FIELDS[table][key]
    return rule(value) if isinstance(value, str) else 'it must be a text between quotes: "..."'


def _line_of(text: str, *words: str) -> int:
    """Where a table, or a value in it, stands in the text; 0 when it cannot be found."""
    table, key = (words[0], words[1]) if len(words) == 2 else (None, words[0])
    inside = table is None
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if bare.startswith("["):
            if table is None and bare.strip("[] ") == key:
                return number
            inside = table is not None and bare.strip("[] ") == table
        elif inside and bare.partition("=")[0].strip(' "') == key:
            return number
    return 0


def _seed(document: dict[str, Any]) -> Seed:
    site, secrets, wifi = document.get("site", {}), document.get("secrets", {}), document.get("wifi")
    written = site.get("code")
    return Seed(
        image=document.get("image"),
        code=code.normalize(written) if written else None,
        hostname=site.get("hostname"),
        timezone=site.get("timezone"),
        facility=Facility(**document.get("facility", {})),
        wifi=Wifi(**wifi) if wifi else None,
        admin_password=secrets.get("admin_password"),
        born=secrets.get("born"),
        shared={name: value for name, value in secrets.items() if name not in _FIELDS["secrets"] and value is not None},
        extra=dict(document.get("extra", {})),
        taken=document["end"].get("taken") is True,
    )


def _lines(seed: Seed) -> Iterator[str]:
    yield _HEADING.rstrip()
    yield f"version = {VERSION}"
    if seed.image:
        yield f"image = {_quoted(seed.image)}"
    for table, values in _tables(seed).items():
        given = {key: value for key, value in values.items() if value is not None}
        if given:
            yield ""
            yield f"[{table}]"
            yield from (f"{key} = {_quoted(value)}" for key, value in given.items())
    yield ""
    yield "[end]"
    if seed.taken:
        yield "taken = true"
    yield "complete = true"


def _tables(seed: Seed) -> dict[str, dict[str, str | None]]:
    facility, wifi = seed.facility, seed.wifi
    return {
        "site": {"code": seed.code, "hostname": seed.hostname, "timezone": seed.timezone},
        "facility": {
            "name": facility.name,
            "location": facility.location,
            "preset": facility.preset,
            "language": facility.language,
            "admin": facility.admin,
        },
        "wifi": {"ssid": wifi.ssid, "passphrase": wifi.passphrase, "country": wifi.country} if wifi else {},
        "extra": dict(seed.extra),
        "secrets": {"admin_password": seed.admin_password, "born": seed.born, **seed.shared},
    }


def _quoted(value: str) -> str:
    """A TOML basic string."""
    return (
        '"' + "".join(f"\\u{ord(c):04x}" if not c.isprintable() else f"\\{c}" if c in '"\\' else c for c in value) + '"'
    )


def _filled(text: str) -> bytes:
    data = text.encode()
    return data + b"\n" * (ROOM - len(data))
