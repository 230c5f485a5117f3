"""Who each device will be: site lists, codes and passwords, labels, and the seeds that tell it to the cards.

What host and device must understand alike (the seed's text, facility codes, what Kolibri accepts) is written once, in
the device's own package `seed`, and imported from its overlay.
"""

from __future__ import annotations

import sys
from typing import Final

from builder.host.places import OVERLAYS

_DEVICE_LIBRARY: Final = str(OVERLAYS / "firstboot/usr/lib/satchel")

if _DEVICE_LIBRARY not in sys.path:
    # Last, so that nothing of the device hides a module of the host.
    sys.path.append(_DEVICE_LIBRARY)
