"""What happens to a stick, told where people look: on the console, above the login prompt, and in a status page.

The status lies in memory (/run/satchel): it changes every second, which would wear a card. For programs as JSON, for
people as a page that refreshes itself, which an overlay with a web server may show. The system's journal keeps what the
console was told.
"""

from __future__ import annotations

import html
import json
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from device import words
from device.commands import BASE_ENVIRONMENT
from device.paths import Paths
from firstboot.screen import Screen

State = Literal["working", "applied", "nothing-new", "refused", "removed", "failed"]

_PAUSE_SECONDS = 1.0
_STEP_PERCENT = 10
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Content stick</title>{refresh}
<style>body{{font:1.2em sans-serif;margin:3em auto;max-width:40em}}
progress{{width:100%}} pre{{white-space:pre-wrap}}</style>
</head><body><h1>Content stick: {state}</h1><progress max="100" value="{percent}"></progress>
<pre>{said}</pre><p>{advice}</p><p><small>{at}</small></p></body></html>
"""
_REFRESH = '<meta http-equiv="refresh" content="3">'


class Telling:
    """Tells of one stick."""

    def __init__(self, paths: Paths, screen: Screen) -> None:
        self._status = paths.at("/run/satchel/content-stick.json")
        self._page = paths.at("/run/satchel/content-stick.html")
        self._issue = paths.at("/run/issue.d/satchel-stick.issue")
        self._screen = screen
        self._said = ""
        self._done = self._total = 0
        self._percent_said = 0
        self._next = 0.0

    def begin(self, text: str, *, total: int = 0) -> None:
        """Say what begins now; `total` is how many bytes it will move."""
        self._said = words.plain(text)
        self._done, self._total, self._percent_said, self._next = 0, total, 0, 0.0
        self._screen.say(f"Content stick: {self._said}")
        self._show("working", "")

    def advance(self, size: int) -> None:
        """Count bytes."""
        self._done += size
        percent = self._percent()
        if percent >= self._percent_said + _STEP_PERCENT:
            self._percent_said = percent
            self._screen.say(f"Content stick: {percent} %")
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _PAUSE_SECONDS
            self._show("working", "")

    def end(self, state: State, text: str, advice: str = "") -> None:
        """Say what became of the stick."""
        self._said, advice = words.plain(text), words.plain(advice)
        self._screen.say("\n".join(filter(None, (f"Content stick: {self._said}", advice and f"  {advice}"))))
        self._show(state, advice)
        notice = "\n  ".join(filter(None, (f"Content stick: {self._said}", advice)))
        _replace(self._issue, notice.replace("\\", "\\\\") + "\n\n")
        subprocess.run(("agetty", "--reload"), env=BASE_ENVIRONMENT, check=False, timeout=60)

    def _percent(self) -> int:
        return min(100, self._done * 100 // self._total) if self._total else 0

    def _show(self, state: State, advice: str) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        percent = self._percent() if state == "working" else 100
        facts = {
            "state": state,
            "said": self._said,
            "advice": advice,
            "percent": percent,
            "done_bytes": self._done,
            "total_bytes": self._total,
            "at": at,
        }
        _replace(self._status, json.dumps(facts, indent=1) + "\n")
        texts = {"state": state, "said": self._said, "advice": advice, "at": at}
        shown = {name: html.escape(text) for name, text in texts.items()}
        refresh = _REFRESH if state == "working" else ""
        _replace(self._page, _PAGE.format(**shown, percent=percent, refresh=refresh))


def _replace(path: Path, text: str) -> None:
    """Whole for whoever reads; it lies in memory, so nothing has to be flushed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
