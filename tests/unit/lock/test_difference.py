import hashlib

from builder.lock.difference import compare, render
from builder.lock.model import LockedTree

from .locks import content, deb, lock, wheel

OLD = lock(
    tools=(deb("mtools"),),
    base=(deb("libc6"),),
    apt=(deb("linux-image-amd64", "6.12.57"), deb("nano")),
    wheels=(wheel("kolibri", "0.19.0"),),
    contents=(content(0, "Khan Academy (version 3)"),),
)


def test_equal_locks_have_no_difference() -> None:
    difference = compare(OLD, OLD)
    assert not difference
    assert render(difference) == "no difference"


def test_changes_come_first_then_what_is_added_and_removed() -> None:
    new = lock(
        tools=(deb("mtools"),),
        base=(deb("libc6"),),
        apt=(deb("linux-image-amd64", "6.12.63", size_bytes=3 * 1024 * 1024), deb("git", size_bytes=1024 * 1024)),
        wheels=(wheel("kolibri", "0.19.1"),),
        contents=(content(0, "Khan Academy (version 4)"), content(1, "Blockly Games (version 1)")),
    )
    assert render(compare(OLD, new)).splitlines() == [
        "linux-image-amd64 6.12.57 -> 6.12.63",
        "added git 1",
        "removed nano 1",
        "/opt/kolibri: kolibri 0.19.0 -> 0.19.1",
        "content[0] Khan Academy (version 3) -> Khan Academy (version 4)",
        "added content[1] Blockly Games (version 1)",
        "4.0 MiB of files are new",
    ]


def test_tools_are_told_in_one_line() -> None:
    new = OLD.model_copy(update={"tools": tuple(deb(name, "2") for name in ("mtools", "zstd", "gcc", "binutils"))})
    assert (
        render(compare(OLD, new)).splitlines()[0]
        == "tools: mtools, binutils, gcc and 1 more; everything will be made anew"
    )


def test_a_package_that_changed_sides_is_no_change() -> None:
    new = OLD.model_copy(update={"base": (*OLD.base, deb("nano")), "apt": OLD.apt[:1]})
    assert not compare(OLD, new)


def test_another_file_of_the_same_version_is_a_change() -> None:
    other = deb("nano").model_copy(update={"sha256": "0" * 64})
    new = OLD.model_copy(update={"apt": (OLD.apt[0], other)})
    assert render(compare(OLD, new)).splitlines()[0] == "nano 1: the same version, but another file"


def test_scripts_get_the_same() -> None:
    new = OLD.model_copy(update={"apt": (deb("linux-image-amd64", "6.12.63"),)})
    assert compare(OLD, new).as_dict() == {
        "packages": [
            {"name": "linux-image-amd64", "old": "6.12.57", "new": "6.12.63"},
            {"name": "nano", "old": "1", "new": None},
        ],
        "wheels": [],
        "tools": [],
        "content": [],
        "new_bytes": 1024,
    }


def test_without_an_earlier_lock_everything_is_new() -> None:
    difference = compare(None, OLD)
    assert {change.name for change in difference.packages} == {"libc6", "linux-image-amd64", "nano"}
    assert difference.new_bytes == 4 * 1024 + 2048


def test_trees_are_told_with_what_they_hold() -> None:
    def tree(source: int, name: str, files: int) -> LockedTree:
        sha256 = hashlib.sha256(f"{name} {files}".encode()).hexdigest()
        return LockedTree(source=source, name=name, files=files, bytes=files << 20, size_bytes=1024, sha256=sha256)

    before = OLD.model_copy(update={"trees": (tree(1, "library", 3), tree(2, "films.zip", 1))})
    now = OLD.model_copy(update={"trees": (tree(1, "library", 4), tree(3, "maps", 2))})
    assert compare(before, now).content == (
        "files library (3 files, 3.0 MiB) -> library (4 files, 4.0 MiB)",
        "removed files films.zip (1 file, 1.0 MiB)",
        "added files maps (2 files, 2.0 MiB)",
    )
    assert not compare(now, now)
