"""Content is copied by root, who alone may read the stick, into directories of an account that root does not trust."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from device import accounts
from device.errors import DeviceError
from device.settings import Kolibri
from stick import copying
from stick.copying import Stick
from stick.manifest import ContentFile
from stick.places import STATE, Places

USER = "nobody"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def room() -> Iterator[Path]:
    """A directory that everybody may look into, unlike those of pytest."""
    directory = Path(mkdtemp(prefix="satchel-stick-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def places(room: Path) -> Places:
    home = room / "data" / "kolibri"
    (home / "content").mkdir(parents=True)
    accounts.give(USER, home, home / "content")
    (room / "run").mkdir(mode=0o700)
    settings = Kolibri(venv="", user=USER, home=str(home), content="", port=8080, zip_port=8081)
    return Places(
        kolibri=settings,
        home=home,
        preloaded=room / "preloaded",
        state=home.parent / STATE,
        scratch=room / "run",
        environment=(),
        venv=Path(),
    )


def on_stick(room: Path, *texts: str) -> tuple[Stick, tuple[ContentFile, ...]]:
    """A stick that only root can read."""
    files = []
    for text in texts:
        data = text.encode()
        md5 = hashlib.md5(data).hexdigest()
        file = ContentFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data), name=f"{md5}.mp4")
        path = room / "stick" / "content" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o600)
        files.append(file)
    (room / "stick").chmod(0o700)
    return Stick(room / "stick", present=lambda: True), tuple(files)


def test_what_is_copied_belongs_to_the_account_while_root_counts(room: Path, places: Places) -> None:
    stick, files = on_stick(room, "one", "two")
    counted: list[int] = []

    def count(size: int) -> None:
        assert os.geteuid() == 0
        counted.append(size)
        (room / "run" / "status").write_text("")

    copying.prepare(places)
    copying.copy(copying.missing(files, places, count), stick, places, count)
    assert counted == [3, 3]
    owner = accounts.ids(USER)
    for path in (places.content / "storage").rglob("*"):
        facts = path.stat()
        assert (facts.st_uid, facts.st_gid) == owner
    assert copying.missing(files, places, lambda _: None) == ()
    assert (os.geteuid(), os.getegid()) == (0, 0)


def test_a_link_of_the_account_leads_root_nowhere(room: Path, places: Places) -> None:
    stick, files = on_stick(room, "one")
    secret = room / "secret"
    secret.mkdir(mode=0o700)
    (places.content / "storage").mkdir()
    (places.content / "storage" / files[0].name[0]).symlink_to(secret)
    copying.prepare(places)
    with pytest.raises(DeviceError, match="Permission denied"):
        copying.copy(files, stick, places, lambda _: None)
    assert list(secret.iterdir()) == []
