from __future__ import annotations

import json
import struct
from contextlib import suppress

import pytest
from clones import dns, watch
from hypothesis import example, given
from hypothesis import strategies as st

ID = "0123456789abcdef" * 2
SERVICE = b"\x07Kolibri\x04_sub\x05_http\x04_tcp\x05local\0"


def label(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def record(owner: bytes, kind: int, data: bytes, group: int = 0x8001) -> bytes:
    return owner + struct.pack(">HHIH", kind, group, 60, len(data)) + data


def response(*records: bytes, flags: int = 0x8400) -> bytes:
    return struct.pack(">6H", 0, flags, 0, len(records), 0, 0) + b"".join(records)


def text_record(**values: object) -> bytes:
    strings = [f"{key}={json.dumps(value)}".encode() for key, value in values.items()]
    return b"".join(bytes([len(string)]) + string for string in strings)


def announcement(name: str = ID, instance_id: str = ID, port: int = 8080) -> bytes:
    """As Kolibri sends it: pointer, server, text; the second and third owners are pointers into the first record."""
    pointer = record(SERVICE, 12, label(name) + b"\xc0\x0c", group=1)
    at = 12 + len(SERVICE) + 10
    owner = struct.pack(">H", 0xC000 | at)
    server = record(owner, 33, struct.pack(">3H", 0, 0, port) + b"\0")
    return response(pointer, server, record(owner, 16, text_record(application="kolibri", instance_id=instance_id)))


def test_an_announcement_is_understood() -> None:
    assert dns.announcements(announcement()) == (dns.Announcement(name=ID, instance_id=ID, port=8080),)


@pytest.mark.parametrize(
    ("name", "instance_id", "suspected"),
    [(ID, ID, True), (f"{ID}-1", ID, True), ("other", ID, True), (f"{ID}-1", "else", True), ("other", "else", False)],
)
def test_our_id_is_found_in_the_name_and_in_the_text(name: str, instance_id: str, suspected: bool) -> None:
    found = watch.suspicious(announcement(name, instance_id, port=81), ID, default_port=8080)
    assert found == (81 if suspected else None)


def test_a_pointer_without_its_records_is_suspicious_at_the_usual_port() -> None:
    packet = response(record(SERVICE, 12, label(ID) + b"\xc0\x0c"))
    assert watch.suspicious(packet, ID, default_port=8080) == 8080


def test_questions_and_other_services_say_nothing() -> None:
    assert dns.announcements(dns.query()) == ()
    printer = record(b"\x04_ipp\x04_tcp\x05local\0", 12, label(ID) + b"\xc0\x0c")
    assert dns.announcements(response(printer)) == ()


def test_pointers_that_lead_in_a_circle_or_forward_are_refused() -> None:
    for target in (12, 14, 0xFF):
        with pytest.raises(dns.NotUnderstoodError):
            dns.announcements(response(record(struct.pack(">H", 0xC000 | target), 12, b"\0")))


def test_a_chain_of_pointers_cannot_make_a_long_name() -> None:
    """Each link is allowed: it leads backwards, and its label is short enough. Only all together are too long."""
    data, start = bytearray(b"\x3f" + b"a" * 63 + b"\0"), 12 + 1 + 10
    places = [start]
    for _ in range(4):
        places.append(start + len(data))
        data += b"\x3f" + b"a" * 63 + struct.pack(">H", 0xC000 | places[-2])
    for place, allowed in ((places[2], True), (places[4], False)):
        packet = response(record(b"\0", 1, bytes(data)), record(struct.pack(">H", 0xC000 | place), 1, b""))
        if allowed:
            assert dns.announcements(packet) == ()
        else:
            with pytest.raises(dns.NotUnderstoodError, match="too long"):
                dns.announcements(packet)


def test_pointers_to_pointers_are_counted() -> None:
    start = 12 + 1 + 10
    data = b"\0\0" + b"".join(struct.pack(">H", 0xC000 | start + 2 * number) for number in range(40))
    for number, allowed in ((10, True), (40, False)):
        owner = struct.pack(">H", 0xC000 | start + 2 * number)
        packet = response(record(b"\0", 1, data), record(owner, 1, b""))
        if allowed:
            assert dns.announcements(packet) == ()
        else:
            with pytest.raises(dns.NotUnderstoodError, match="too many"):
                dns.announcements(packet)


def test_more_records_than_anybody_sends_are_refused() -> None:
    with pytest.raises(dns.NotUnderstoodError, match="many"):
        dns.announcements(struct.pack(">6H", 0, 0x8400, 0, 0xFFFF, 0, 0))


@given(st.binary(max_size=600))
@example(announcement())
def test_anything_is_understood_or_refused(packet: bytes) -> None:
    with suppress(dns.NotUnderstoodError):
        dns.announcements(packet)


@given(st.data())
def test_a_damaged_announcement_is_understood_or_refused(data: st.DataObject) -> None:
    packet = bytearray(announcement())
    for _ in range(data.draw(st.integers(1, 8))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    with suppress(dns.NotUnderstoodError):
        assert watch.suspicious(bytes(packet[: data.draw(st.integers(0, len(packet)))]), ID, default_port=1) is not True


def test_a_text_record_that_nests_too_deep_is_no_id() -> None:
    owner = b"\x01x" + SERVICE
    deep = b"instance_id=" + b"[" * 240
    assert dns.announcements(response(record(owner, 16, bytes([len(deep)]) + deep)))[0].instance_id is None
