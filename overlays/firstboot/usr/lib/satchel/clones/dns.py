"""Just enough of multicast DNS to find a Kolibri (RFC 1035, RFC 6762). Pure. What it reads may come from anybody.

Nothing here grows with what a packet claims: names end at 255 bytes, pointers may only lead backwards, they and the
records are counted, and a packet that breaks a rule is no packet.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass

SERVICE = "Kolibri._sub._http._tcp.local."
"""The type under which Kolibri announces itself (kolibri/core/discovery/utils/network/broadcast.py, 0.19.5)."""

_HEADER = struct.Struct(">6H")
_RECORD = struct.Struct(">HHIH")
_SERVER = struct.Struct(">3H")
_A, _PTR, _TXT, _SRV = 1, 12, 16, 33
_IN = 1
_RESPONSE = 0x8000
_CLASS = 0x7FFF
"""The highest bit of a class is multicast DNS's own: whether a record replaces others, or an answer may be unicast."""

_LONGEST_PACKET = 9000
_LONGEST_NAME = 255
_LONGEST_LABEL = 63
_MOST_RECORDS = 256
_MOST_POINTERS = 16
"""In one name; nobody needs more than one for each label."""


class NotUnderstoodError(ValueError):
    """A packet that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A Kolibri that a packet speaks of."""

    name: str
    """The first label of its service: its instance id, or that and a number if the name was taken."""
    instance_id: str | None
    """The instance id of its text record."""
    port: int | None

    def may_be(self, instance_id: str) -> bool:
        """Whether this could be the instance with an id."""
        return self.instance_id == instance_id or self.name.partition("-")[0] == instance_id


def query() -> bytes:
    """The question which Kolibris there are, to be answered to everybody."""
    labels = SERVICE.rstrip(".").encode().split(b".")
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return _HEADER.pack(0, 0, 1, 0, 0, 0) + name + struct.pack(">2H", _PTR, _IN)


def announcements(packet: bytes) -> tuple[Announcement, ...]:
    """The Kolibris that a packet announces; none when it is a question or speaks of other things.

    Raises:
        NotUnderstoodError: it is not a DNS message.
    """
    try:
        return tuple(_announcements(packet))
    except (struct.error, IndexError) as error:
        raise NotUnderstoodError(str(error)) from error


def _announcements(packet: bytes) -> Iterator[Announcement]:
    if len(packet) > _LONGEST_PACKET:
        raise NotUnderstoodError("too long")
    _, flags, questions, *sections = _HEADER.unpack_from(packet)
    if not flags & _RESPONSE:
        return
    if questions + sum(sections) > _MOST_RECORDS:
        raise NotUnderstoodError("too many records")
    place = _HEADER.size
    for _ in range(questions):
        _, place = _name(packet, place)
        place += 4
    names: dict[str, None] = {}
    ports: dict[str, int] = {}
    ids: dict[str, str] = {}
    for _ in range(sum(sections)):
        owner, place = _name(packet, place)
        kind, group, _, length = _RECORD.unpack_from(packet, place)
        place += _RECORD.size
        if place + length > len(packet):
            raise NotUnderstoodError("cut off")
        if group & _CLASS == _IN:
            if kind == _PTR and _is_service(owner):
                names[_name(packet, place)[0]] = None
            elif kind == _SRV and length >= _SERVER.size and owner.endswith(f".{SERVICE.lower()}"):
                names[owner] = None
                ports[owner] = _SERVER.unpack_from(packet, place)[2]
            elif kind == _TXT and owner.endswith(f".{SERVICE.lower()}"):
                names[owner] = None
                if (told := _instance_id(packet[place : place + length])) is not None:
                    ids[owner] = told
        place += length
    for name in names:
        yield Announcement(name=name.partition(".")[0], instance_id=ids.get(name), port=ports.get(name))


def _is_service(name: str) -> bool:
    return name == SERVICE.lower()


def _name(packet: bytes, place: int) -> tuple[str, int]:
    """A name in small letters, and where the text after it begins.

    A pointer must lead to before the place where the name so far began, so every chain of them has an end.
    """
    labels: list[bytes] = []
    length, pointers, begun, after = 0, 0, place, None
    while True:
        size = packet[place]
        if size == 0:
            break
        if size & 0xC0 == 0xC0:
            target = (size & 0x3F) << 8 | packet[place + 1]
            pointers += 1
            if target >= begun or pointers > _MOST_POINTERS:
                raise NotUnderstoodError("pointers that lead forward, or too many")
            after = place + 2 if after is None else after
            place = begun = target
            continue
        label = packet[place + 1 : place + 1 + size]
        length += size + 1
        if size > _LONGEST_LABEL or len(label) < size or length >= _LONGEST_NAME:
            raise NotUnderstoodError("a name is too long")
        labels.append(label)
        place += size + 1
    text = b"".join(label + b"." for label in labels).decode("utf-8", "replace").lower()
    return text, place + 1 if after is None else after


def _instance_id(text: bytes) -> str | None:
    """The instance id among the strings of a text record; Kolibri writes every value as JSON."""
    place = 0
    while place < len(text):
        size = text[place]
        key, _, value = text[place + 1 : place + 1 + size].partition(b"=")
        if key == b"instance_id":
            try:
                told = json.loads(value)
            except (ValueError, RecursionError):
                return None
            return told if isinstance(told, str) else None
        place += size + 1
    return None
