"""Makes the programs of the device importable, as they lie in their overlays."""

from __future__ import annotations

import sys
from pathlib import Path

OVERLAYS = Path(__file__).resolve().parents[3] / "overlays"
LIBRARY, STICK, RADIO = (
    OVERLAYS / overlay / "usr" / "lib" / "satchel" for overlay in ("firstboot", "content-stick", "access-point")
)
sys.path[:0] = [str(LIBRARY), str(STICK), str(RADIO)]
