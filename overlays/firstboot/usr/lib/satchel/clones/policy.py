"""What the recipe wants of a device in another machine, and how a technician says otherwise for one device.

That is done by systemd's own means, a credential (systemd.exec(5), ImportCredential=): a file
/etc/credstore/satchel.on_new_machine with one word on the device, or one handed over by a virtual machine's host.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from device import files
from device.settings import Settings

Policy = Literal["record", "ask", "fork"]
CREDENTIAL = "satchel.on_new_machine"


def of(settings: Settings) -> Policy:
    """The policy that holds. A word that is none asks: a mistake must not decide for anybody."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    word = files.read(Path(directory) / CREDENTIAL) if directory else None
    match word or settings.on_new_machine:
        case "record" | "ask" | "fork" as known:
            return known
        case _:
            return "ask"
