"""Site lists whose rows are given to cards."""

from __future__ import annotations

from pathlib import Path

from builder.flash.naming import Namer, namer_for
from builder.identity.template import template

ROOM = 64 * 1024


def namer(tmp_path: Path, *rows: str, header: str = "code,facility,slot,serial", room: int = ROOM) -> Namer:
    codes = template(len(rows), fill={}, separator=",", taken=set()).decode().split()[1:]
    lines = [f"{code.split(',')[0]},{row}" for code, row in zip(codes, rows, strict=True)]
    path = tmp_path / "sites.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return namer_for(path, image="kolibri-pc", room_bytes=room)
