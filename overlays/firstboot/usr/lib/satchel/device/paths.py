"""Where things lie on the device. Everything hangs below one root, so that every step can be tried in a directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Places on the device, below `root`."""

    root: Path = Path("/")

    def at(self, path: str) -> Path:
        """A path of the device, given as the device knows it (`/etc/hostname`)."""
        return self.root / path.lstrip("/")

    @property
    def settings(self) -> Path:
        """What the recipe decided about first boot."""
        return self.at("/usr/lib/satchel/firstboot.json")

    @property
    def checks(self) -> Path:
        """The claims of the recipe."""
        return self.at("/usr/lib/satchel/checks.json")

    @property
    def journal(self) -> Path:
        """The marks of the steps that are done."""
        return self.at("/var/lib/satchel/journal")

    @property
    def identity(self) -> Path:
        """Who this device is; no secret is in it."""
        return self.at("/var/lib/satchel/identity.json")

    @property
    def seed(self) -> Path:
        """The device's own copy of its seed, for root only, until first boot is done."""
        return self.at("/var/lib/satchel/seed.toml")

    @property
    def wifi(self) -> Path:
        """The wireless network of the seed, for root only; for overlays that run a network."""
        return self.at("/var/lib/satchel/wifi.json")

    @property
    def site(self) -> Path:
        """The seed's further values, for overlays."""
        return self.at("/var/lib/satchel/site.json")

    @property
    def tls(self) -> tuple[Path, Path]:
        """The device's own TLS key and certificate."""
        return self.at("/etc/satchel/tls/key.pem"), self.at("/etc/satchel/tls/certificate.pem")

    @property
    def tls_authority(self) -> Path:
        """The certificate of the authority that vouches for the device's own, where the recipe wants one."""
        return self.at("/etc/satchel/tls/authority-certificate.pem")

    @property
    def tls_supplied(self) -> Path:
        """The fingerprint of the certificate that an operator brought instead."""
        return self.at("/etc/satchel/tls/supplied")

    @property
    def secrets(self) -> Path:
        """The secrets of the recipe, each in a file of its own, for root only: a link to where data is kept."""
        return self.at("/etc/satchel/secrets")

    @property
    def admin_password(self) -> Path:
        """The administrator's password, one line, for root only."""
        return self.at("/var/lib/satchel/admin-password")

    @property
    def admin_seen(self) -> Path:
        """Exists as soon as the administrator has logged in for the first time."""
        return self.at("/var/lib/satchel/admin-seen")

    @property
    def machine(self) -> Path:
        """The machine that this device knows, for root only."""
        return self.at("/var/lib/satchel/machine.json")

    @property
    def machines(self) -> Path:
        """What has happened to who this device is."""
        return self.at("/var/lib/satchel/machines.json")

    @property
    def change(self) -> Path:
        """Exists while the device becomes somebody else: what is to be done."""
        return self.at("/var/lib/satchel/change.json")

    @property
    def twin(self) -> Path:
        """Exists while a twin is near and nobody has chosen: Kolibri's unit looks for it."""
        return self.at("/var/lib/satchel/twin.json")

    @property
    def kolibri_environment(self) -> tuple[Path, Path]:
        """The environment of Kolibri: from the recipe, and the ids that belong to this device."""
        return self.at("/etc/satchel/kolibri.env"), self.at("/var/lib/satchel/kolibri-identity.env")

    @property
    def machine_id(self) -> Path:
        """The id that systemd gave this installation."""
        return self.at("/etc/machine-id")

    @property
    def mountinfo(self) -> Path:
        """The kernel's table of mounts."""
        return self.at("/proc/self/mountinfo")

    @property
    def issue(self) -> Path:
        """What agetty shows above the login prompt, besides /etc/issue."""
        return self.at("/run/issue.d/satchel.issue")
