"""satchel-login-prompt.service: takes the password off the login prompt once the administrator has logged in.

A process that looks every few seconds and ends for good, not a timer: a timer would write to the system's journal every
time it looks.
"""

from __future__ import annotations

import json
import time

from device import files, login_prompt, settings
from device.paths import Paths

_PAUSE_SECONDS = 5.0


def main() -> None:
    """Wait for the first login."""
    paths = Paths()
    wanted = settings.load(paths.settings)
    facts = json.loads(files.read(paths.identity) or "{}")
    while not login_prompt.seen(paths, wanted):
        time.sleep(_PAUSE_SECONDS)
    login_prompt.show(paths, login_prompt.current(paths, wanted, facts))


if __name__ == "__main__":
    main()
