"""Makes the programs of the device importable, as they lie in their overlays."""

import sys
from pathlib import Path

for overlay in ("firstboot", "content-stick"):
    library = Path(__file__).resolve().parents[3] / "overlays" / overlay / "usr" / "lib" / "satchel"
    sys.path.insert(0, str(library))
