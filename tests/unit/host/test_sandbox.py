from pathlib import Path

import pytest

from builder.host.namespace import subordinate_range
from builder.host.sandbox import Mount, Sandbox


def test_a_sandbox_sees_its_tree_its_mounts_and_no_network() -> None:
    sandbox = Sandbox(root=Path("/tree"), mounts=(Mount(target="/job/a/b", source=Path("/x"), writable=True),))
    argv = sandbox.argv(("true",), env={"A": "1"})
    text = " ".join(argv)
    assert "--ro-bind /tree /" in text
    assert "--perms 0755 --dir /job/a --bind /x /job/a/b" in text
    assert "--unshare-net" in argv
    assert "--die-with-parent" in argv
    assert "--setenv A 1" in text
    assert argv[-2:] == ("--", "true")


def test_a_user_of_the_tree_runs_the_command() -> None:
    argv = Sandbox(root=Path("/tree"), writable=True).argv(("id",), user="kolibri")
    assert argv[-6:] == ("setpriv", "--reuid=kolibri", "--regid=kolibri", "--init-groups", "--", "id")


def test_an_empty_directory_and_a_device_are_mounts_too() -> None:
    assert Mount(target="/job").argv() == ("--tmpfs", "/job")
    kvm = Mount(target="/dev/kvm", source=Path("/dev/kvm"), device=True)
    assert kvm.argv() == ("--dev-bind", "/dev/kvm", "/dev/kvm")


def test_ranges_of_ids_are_found_by_name_or_number(tmp_path: Path) -> None:
    table = tmp_path / "subuid"
    table.write_text("ann:100000:65536\n1001:200000:65536\nbob:300000:1000\n")
    assert subordinate_range(table, user="ann", uid=1000) == (100000, 65536)
    assert subordinate_range(table, user="eve", uid=1001) == (200000, 65536)
    assert subordinate_range(table, user="bob", uid=1002) is None, "too small for `nobody`"
    assert subordinate_range(tmp_path / "absent", user="ann", uid=1000) is None


def test_programs_see_the_same_world_on_every_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("LANG", "tr_TR.UTF-8")
    sandbox = Sandbox(root=Path("/tree"), environment={"SOURCE_DATE_EPOCH": "1"})
    argv = sandbox.argv(("true",))
    assert argv[argv.index("--hostname") + 1] == "localhost"
    given = {argv[at + 1]: argv[at + 2] for at, word in enumerate(argv) if word == "--setenv"}
    assert given["SOURCE_DATE_EPOCH"] == "1"
    assert given["PYTHONHASHSEED"] == "0"
    assert {"TERM", "LANG"} & set(given) == set()
