from __future__ import annotations

from pathlib import Path

from device import files, login_prompt
from device.paths import Paths
from device.settings import Settings

PLAIN = Settings(
    recipe="plain", hostname="h", facility=None, kolibri=None, secrets=(), tls=None,
    console_users=("technician",), minutes=30, on_new_machine="record", grow=None, esp=None, keep=None,
    mounts=(),
)  # fmt: skip
FACTS = {"code": "K7M3-Q2X1", "hostname": "kolibri-k7m3-q2x1"}


def test_the_whole_notice() -> None:
    text = login_prompt.text(
        recipe="kolibri-pc", code="K7M3-Q2X1", hostname="kolibri-k7", port=8080, admin="admin", password="lusab-babad"
    )
    assert text.splitlines() == [
        "",
        "Satchel kolibri-pc",
        "  facility code  K7M3-Q2X1",
        "  name           kolibri-k7",
        r"  open           http://\4:8080/",
        "  user           admin",
        "  password       lusab-babad   (shown here until the first login)",
        "",
    ]


def test_a_failure_cannot_speak_agettys_language() -> None:
    assert r"C:\\nonsense" in login_prompt.failure("grow", r"C:\nonsense", "mend it")


def test_the_password_goes_with_the_first_login_and_never_comes_back(tmp_path: Path) -> None:
    paths = Paths(root=tmp_path)
    files.write(paths.admin_password, "lusab-babad\n", mode=0o600)
    assert "lusab-babad" in login_prompt.current(paths, PLAIN, FACTS)
    files.write(tmp_path / "run/systemd/users/998", "NAME=kolibri\nSTATE=active\n")
    assert "lusab-babad" in login_prompt.current(paths, PLAIN, FACTS)
    files.write(tmp_path / "run/systemd/users/1000", "# private\nNAME=technician\nSTATE=active\n")
    assert "lusab-babad" not in login_prompt.current(paths, PLAIN, FACTS)
    (tmp_path / "run/systemd/users/1000").unlink()
    after = login_prompt.current(paths, PLAIN, FACTS)
    assert "lusab-babad" not in after
    assert "K7M3-Q2X1" in after
