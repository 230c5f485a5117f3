"""The QR codes of a label sheet, as another program reads them from the drawing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from builder.identity.labels import Defaults, label_sheet
from builder.identity.pages import PAGES
from builder.identity.sites import checked

DOT = 6
"""Pixels for a module."""

LIST = """\
code,hostname,wifi_ssid,wifi_passphrase
K7M3-Q2XG,ecole-{code},"École; ""du Lac"" \\ 1","a:b;c,""d"" \\ e"
9F4T-1B62,,Open,
"""


def test_a_telephone_joins_the_network_and_opens_the_server(tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text(LIST)
    defaults = Defaults(hostname="satchel-{code}", facility=None, admin=None, port=8080)
    page = label_sheet(checked(tmp_path / "sites.csv"), defaults, PAGES["a4-8"], secrets=True).html
    assert [read(drawing, tmp_path) for drawing in re.findall(r"<svg.*?</svg>", page)] == [
        r"WIFI:T:WPA;S:École\; \"du Lac\" \\ 1;P:a\:b\;c,\"d\" \\ e;;",
        "http://ecole-k7m3-q2xg:8080/",
        "WIFI:T:nopass;S:Open;;",
        "http://satchel-9f4t-1b62:8080/",
    ]


def read(drawing: str, directory: Path) -> str:
    """What is in a drawing: rows of modules as strokes `M x y h n`, `m dx dy h n`, ..."""
    (side,) = re.findall(r'viewBox="0 0 (\d+) \1"', drawing)
    dark = [[False] * int(side) for _ in range(int(side))]
    x = y = 0.0
    (path,) = re.findall(r' d="([^"]+)"', drawing)
    for letter, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?: ?(-?[\d.]+))?", path):
        if letter == "h":
            for column in range(int(x), int(x + float(first))):
                dark[int(y)][column] = True
            x += float(first)
        elif letter == "M":
            x, y = float(first), float(second)
        else:
            x, y = x + float(first), y + float(second)
    rows = ["".join("0" * DOT if cell else "1" * DOT for cell in row) for row in dark]
    pixels = "".join("\n".join([row] * DOT) + "\n" for row in rows).replace("0", "0 ").replace("1", "1 ")
    file = directory / "code.pgm"
    file.write_text(f"P2\n{int(side) * DOT} {int(side) * DOT}\n1\n{pixels}")
    command = ("zbarimg", "--nodbus", "--quiet", "--raw", str(file))
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.removesuffix("\n")
