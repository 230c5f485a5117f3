"""Makes the programs of the device importable, as they lie in their overlay."""

from __future__ import annotations

import sys
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[3] / "overlays" / "firstboot" / "usr" / "lib" / "satchel"
sys.path.insert(0, str(LIBRARY))
