from __future__ import annotations

import json

import pytest

from builder.boot.answer import GuestReport, answer_to, parse_answer

from .boot_reports import text_of


def test_a_report_is_read_and_unknown_keys_do_not_disturb() -> None:
    report = parse_answer(text_of(boots=3), GuestReport)
    assert report.identity.fields()["ssh_host_keys.ed25519"] == "SHA256:one"
    assert report.disk.grown is not None


def test_an_image_without_kolibri_has_fewer_fields() -> None:
    report = parse_answer(text_of(identity={"machine_id": "m", "hostname": "h", "facility_id": None}), GuestReport)
    assert report.identity.fields()["facility_id"] is None
    assert report.identity.ssh_host_keys == {}


@pytest.mark.parametrize("key", ["nonce", "boot_id", "system", "checks", "identity", "disk", "firmware"])
def test_nothing_that_is_needed_may_be_left_out(key: str) -> None:
    report = json.loads(text_of())
    del report[key]
    with pytest.raises(ValueError, match=f"^{key}: "):
        parse_answer(json.dumps(report), GuestReport)


def test_another_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="satchel"):
        parse_answer(text_of(satchel=2), GuestReport)


def test_only_the_answer_to_this_question_counts() -> None:
    assert answer_to("c0ffee", text_of(), GuestReport) is not None
    assert answer_to("c0ffee", text_of(nonce="another"), GuestReport) is None
    assert answer_to("c0ffee", '["c0ffee"]', GuestReport) is None
    assert answer_to("c0ffee", b"\xff not json", GuestReport) is None


def test_an_answer_that_is_no_report_is_not_ignored() -> None:
    with pytest.raises(ValueError, match="boot_id"):
        answer_to("c0ffee", '{"nonce": "c0ffee", "satchel": 1}', GuestReport)
