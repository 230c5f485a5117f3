"""A virtual machine with a seed disk in its CD drive becomes who the disk says, its facility too. Takes minutes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from threading import Thread

import pytest

SATCHEL = (sys.executable, "-m", "builder")


class Machine:
    """What `satchel boot` shows a person, read by a test."""

    def __init__(self, image: Path, disk: Path) -> None:
        command = (*SATCHEL, "boot", image, "--seed", disk)
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=dict(os.environ),
        )
        self.said = ""
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        while text := self.process.stdout.read(1):
            self.said += text

    def await_words(self, pattern: str) -> re.Match[str]:
        """As long as the machine runs."""
        while self.process.poll() is None:
            found = re.search(pattern, self.said)
            if found:
                return found
            assert "First boot stopped" not in self.said, self.said[-3000:]
            time.sleep(0.5)
        raise AssertionError(self.said[-3000:])

    def facilities(self, port: str) -> list[dict[str, str]]:
        """What Kolibri tells the network, once it answers."""
        while self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/public/v1/facility/", timeout=60) as answer:
                    found: list[dict[str, str]] = json.load(answer)
                    return found
            except OSError:
                time.sleep(2)
        raise AssertionError(self.said[-3000:])

    def switch_off(self) -> None:
        """Ctrl-A X, as a person does."""
        assert self.process.stdin is not None
        self.process.stdin.write("\x01x")
        self.process.stdin.flush()
        self.process.wait()

    def end(self) -> None:
        """Whatever state it is in."""
        with self.process:
            self.process.kill()
            self._listener.join()


@pytest.mark.vm(minutes=5)
@pytest.mark.drill
def test_a_seed_disk_is_taken_and_the_facility_has_the_id_that_was_known(default_image: Path, tmp_path: Path) -> None:
    disk = tmp_path / "seed.iso"
    wanted = ("--set", "site.hostname=told-by-a-disk", "--set", "facility.name=École du Disque")
    born = ("--born", "--image", "kolibri-pc", "--json")
    done = subprocess.run((*SATCHEL, "seed", "iso", disk, *wanted, *born), check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    machine = Machine(default_image, disk)
    try:
        port = machine.await_words(r"port 8080 of the device: http://127\.0\.0\.1:(\d+)")[1]
        machine.await_words(f"This device is told-by-a-disk, facility code {told['code']}")
        (facility,) = machine.facilities(port)
        assert (facility["id"], facility["name"]) == (told["facility_id"], "École du Disque")
        assert told["admin_password"] not in machine.said
        machine.switch_off()
    finally:
        machine.end()
