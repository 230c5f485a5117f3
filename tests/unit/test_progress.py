import io
import json

import pytest

from builder.progress import BarReporter, PlainReporter, reporter_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_tell_each_step_once_with_its_time() -> None:
    stream = io.StringIO()
    reporter = reporter_for("auto", stream)
    with reporter.step("apt", detail="never made"), reporter.amount("download", 10) as advance:
        advance(10)
    reporter.note("done")
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith("s  apt (never made)")
    assert lines[1:] == ["done"]


def test_a_failed_step_says_so() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="broken"), PlainReporter(stream).step("apt"):
        raise ValueError("broken")
    assert stream.getvalue().endswith("apt  FAILED\n")


def test_json_lines_are_json_and_complete() -> None:
    stream = io.StringIO()
    reporter = reporter_for("json", stream)
    with reporter.step("image"), reporter.amount("bytes", 100) as advance:
        advance(40)
        advance(60)
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["start", "amount", "end"]
    assert events[1] == {"event": "amount", "name": "bytes", "done": 100, "total": 100, "unit": "B"}
    assert events[2]["ok"] is True


def test_a_terminal_gets_a_bar() -> None:
    stream = Terminal()
    reporter = reporter_for("auto", stream)
    assert isinstance(reporter, BarReporter)
    with reporter.step("image"), reporter.amount("bytes", 2048) as advance:
        advance(1024)
    text = stream.getvalue()
    assert "bytes" in text
    assert "2.00k" in text
    assert text.rstrip().endswith("image")


def test_silence_is_possible() -> None:
    stream = io.StringIO()
    with reporter_for("none", stream).step("image"):
        pass
    assert stream.getvalue() == ""
