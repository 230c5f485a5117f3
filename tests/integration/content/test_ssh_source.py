"""The home of a Kolibri on another machine, through a real sshd."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from pwd import getpwuid

import pytest

from builder.content.pool.pool import ContentPool
from builder.content.source.ssh import SshSource, open_far_home
from builder.errors import HostError, PlanError
from builder.kolibri.channels import read_channel
from builder.kolibri.selection import Choice
from tests.integration.kolibri.kolibri_device import Device

from .school import School
from .used_home import RENAME, in_the_journal, names_in

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(SSHD is None, reason="there is no sshd")


@dataclass(frozen=True)
class Far:
    """A machine that is reached by ssh."""

    port: int
    config: Path

    def address(self, home: Path, port: int | None = None) -> str:
        return f"ssh://{getpwuid(os.getuid()).pw_name}@127.0.0.1:{port or self.port}{home}"


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    room = tmp_path / "ssh"
    room.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", room / name], check=True)
    shutil.copyfile(room / "user.pub", room / "authorized")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    (room / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {room}/host\nAuthorizedKeysFile {room}/authorized\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    (room / "known").write_text(f"* {(room / 'host.pub').read_text()}")
    config = room / "config"
    config.write_text(
        f"IdentityFile {room}/user\nIdentitiesOnly yes\nUserKnownHostsFile {room}/known\nStrictHostKeyChecking yes\n"
        "GlobalKnownHostsFile /dev/null\nNoHostAuthenticationForLocalhost no\n"
    )
    monkeypatch.setenv("SATCHEL_SSH", f"ssh -F {config}")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    assert SSHD is not None
    with subprocess.Popen([SSHD, "-D", "-e", "-f", room / "sshd_config"], stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            yield Far(port=port, config=config)
        finally:
            server.terminate()
            server.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("sshd does not listen")


def _bring(source: SshSource, key: str, room: Path, pool: ContentPool) -> tuple[int, dict[str, str]]:
    room.mkdir(exist_ok=True)
    database = room / f"{key}.sqlite3"
    offered = source.database(key, database)
    channel = read_channel(database, Choice(), offered=offered)
    failed = source.bring(pool.missing(channel.files), pool, advance=lambda _size: None)
    return channel.resources, {file.name: reason for file, reason in failed.items()}


def test_a_running_master_far_away_gives_its_part_and_no_name(
    far: Far, used: Device, school: School, tmp_path: Path
) -> None:
    before = set(Path("/dev/shm").glob("satchel-*"))
    rooms = tmp_path / "temporary"
    rooms.mkdir()
    with used.served(), in_the_journal(used.home, RENAME):
        address = far.address(used.home)
        said = school.satchel("master", "import", address, "--into", "school.yml", TMPDIR=str(rooms))
    assert said.status == 0, said.stderr
    assert "4 resources, " in said.stdout
    assert f'- home: "{address}"' in (school.directory / "school.yml").read_text()
    assert names_in(school.cache, rooms, school.directory / "school.yml") == set()
    assert list(rooms.iterdir()) == []
    assert set(Path("/dev/shm").glob("satchel-*")) <= before, "no copy of the home's database stays"
    listed = school.satchel("content", "list", address, "--json").json
    assert [(row["resources"], row["partial"]) for row in listed] == [(4, True)]
    here = school.satchel("content", "list", used.home, "--json").json
    assert listed == here
    for name in school.pooled():
        stored = Path("storage", name[0], name[1], name)
        assert (school.storage.parent / stored).read_bytes() == (used.home / "content" / stored).read_bytes()


def test_a_journal_that_nobody_has_written_back_is_seen(far: Far, used: Device, tmp_path: Path) -> None:
    gone = "UPDATE content_contentnode SET available = 0 WHERE kind = 'document'"
    with in_the_journal(used.home, gone):
        source = open_far_home(far.address(used.home))
        found = _bring(source, used.channel.id, tmp_path / "room", ContentPool(tmp_path / "pool"))
    assert found == (2, {})


def test_content_that_was_moved_is_found(far: Far, used: Device, tmp_path: Path) -> None:
    moved = tmp_path / "disk two" / 'it\'s "here" ✓'
    moved.parent.mkdir()
    (used.home / "content").rename(moved)
    (used.home / "options.ini").write_text(f"[Paths]\nCONTENT_DIR = {moved}\n", encoding="utf-8")
    source = open_far_home(far.address(used.home))
    assert _bring(source, used.channel.id, tmp_path / "room", ContentPool(tmp_path / "pool")) == (4, {})


def test_what_is_spoilt_or_gone_there_is_named_and_the_rest_comes(far: Far, used: Device, tmp_path: Path) -> None:
    pool = ContentPool(tmp_path / "pool")
    stored = sorted((used.home / "content/storage").glob("*/*/*.zip"))
    data = bytearray(stored[0].read_bytes())
    data[100] ^= 1
    stored[0].write_bytes(data)
    stored[1].unlink()
    source = open_far_home(far.address(used.home))
    _, failed = _bring(source, used.channel.id, tmp_path / "room", pool)
    assert set(failed) == {stored[0].name, stored[1].name}
    assert failed[stored[0].name].startswith("MD5 ")
    assert failed[stored[1].name] == "Cannot stat: No such file or directory"
    assert len(list(pool.stored())) > 0


def test_a_connection_that_is_lost_is_told_and_the_next_try_asks_for_the_rest(
    far: Far, used: Device, tmp_path: Path
) -> None:
    pool = ContentPool(tmp_path / "pool")
    whole = open_far_home(far.address(used.home))
    room = tmp_path / "room"
    room.mkdir()
    database = room / f"{used.channel.id}.sqlite3"
    channel = read_channel(database, Choice(), offered=whole.database(used.channel.id, database))
    with _cut_after(far.port, 300_000) as port:
        cut = open_far_home(far.address(used.home, port))
        with pytest.raises(HostError, match="was lost half way"):
            cut.channels()
        failed = cut.bring(channel.files, pool, advance=lambda _size: None)
    # How much of what it received ssh still hands on when its line is cut is its own affair; often some files, or none.
    assert failed
    assert all(reason.startswith("the connection was lost") for reason in failed.values())
    assert pool.missing(channel.files) == tuple(sorted(failed))
    assert whole.bring(pool.missing(channel.files), pool, advance=lambda _size: None) == {}
    assert pool.missing(channel.files) == ()


class _cut_after:
    """A line that is cut when the last connection has carried so many bytes from the server."""

    def __init__(self, port: int, most: int) -> None:
        self._to, self._most = port, most
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._accept, daemon=True).start()
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._to))
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            there = threading.Thread(target=self._pump, args=(client, server, None), daemon=True)
            there.start()
            self._pump(server, client, self._most)
            there.join()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, most: int | None) -> None:
        carried = 0
        with suppress(OSError):
            while block := source.recv(16384):
                carried += len(block)
                if most is not None and carried > most:
                    break
                target.sendall(block)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def test_who_cannot_be_reached_or_is_no_home_is_told(far: Far, used: Device, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(HostError, match="cannot be reached") as refused:
            open_far_home(far.address(used.home, nobody.getsockname()[1])).channels()
    assert "has to work without asking anything" in str(refused.value.hint)
    with pytest.raises(PlanError, match="is not the home of a Kolibri: it has no"):
        open_far_home(far.address(tmp_path)).channels()
    source = open_far_home(far.address(used.home))
    with pytest.raises(PlanError, match="does not hold channel"):
        source.database("0" * 32, tmp_path / "x")
    (used.home / "db.sqlite3").write_bytes(b"no database" * 500)
    (used.home / "db.sqlite3-wal").unlink(missing_ok=True)
    with pytest.raises(PlanError, match="is not the home of a Kolibri that Satchel can read"):
        open_far_home(far.address(used.home)).channels()
    (far.config.parent / "authorized").write_text("")
    with pytest.raises(HostError, match="cannot be reached") as refused:
        open_far_home(far.address(used.home)).channels()
    assert "Permission denied" in str(refused.value.details)
