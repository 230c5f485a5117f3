"""What may stand in for the programs of a tree for another processor."""

from __future__ import annotations

from pathlib import Path

from builder.host.emulation import program
from builder.host.tools import Tools
from builder.layers.foreign import Foreign
from builder.layers.stand_ins import StandIns, stand_ins_below
from builder.lock.model import Deb

X86_64, ARM64 = 62, 183


def deb(name: str, version: str, architecture: str) -> Deb:
    return Deb(
        name=name,
        version=version,
        architecture=architecture,
        size_bytes=1,
        sha256="0" * 64,
        file=f"pool/{name}_{version}_{architecture}.deb",
    )


def workshop_with(directory: Path, **programs: tuple[str, ...]) -> Tools:
    info = directory / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    for package, paths in programs.items():
        (info / f"{package.replace('_', '-')}.list").write_text("".join(f"{path}\n" for path in paths))
        for path in paths:
            place = directory / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"#!/bin/sh\n" if path.endswith("which") else program(X86_64, b""))
    return Tools(tree=directory, identity="some")


def test_programs_stand_in_where_both_have_the_same_version_of_the_source(tmp_path: Path) -> None:
    tools = workshop_with(
        tmp_path,
        sed=("/usr/bin/sed",),
        grep=("/usr/bin/grep",),
        coreutils=("/usr/bin/cat", "/usr/bin/uname", "/usr/share/doc/coreutils/cat"),
        debianutils=("/usr/bin/which",),
    )
    ours = [("sed", "4.9-2"), ("grep", "3.11-4"), ("coreutils", "9.7-3+b10"), ("debianutils", "5")]
    theirs = [("sed", "4.9-2"), ("grep", "3.11-5"), ("coreutils", "9.7-3+b2"), ("debianutils", "5")]
    chosen = StandIns.of(
        tools,
        workshop=[deb(name, version, "amd64") for name, version in ours],
        tree=[deb(name, version, "arm64") for name, version in theirs],
    )
    assert chosen.programs == ("/usr/bin/cat", "/usr/bin/sed")


def test_perl_does_not_where_the_tree_has_more_of_it(tmp_path: Path) -> None:
    tools = workshop_with(tmp_path, perl_base=("/usr/bin/perl",))
    base, more = deb("perl-base", "5.40.1-6", "amd64"), deb("perl", "5.40.1-6", "arm64")
    assert StandIns.of(tools, workshop=[base], tree=[base]).programs == ("/usr/bin/perl",)
    assert StandIns.of(tools, workshop=[base], tree=[base, more]).programs == ()
    assert StandIns.of(tools, workshop=[], tree=[base, more]).programs == ()


def test_what_was_copied_from_the_builder_is_found(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sed").write_bytes(program(X86_64, b""))
    (tmp_path / "bin/grep").write_bytes(program(ARM64, b""))
    (tmp_path / "bin/which").write_text("#!/bin/sh\n")
    (tmp_path / "bin/link").symlink_to("sed")
    assert stand_ins_below(tmp_path) == ("bin/sed",)


def test_nothing_of_the_stand_ins_is_left_in_a_tree(tmp_path: Path) -> None:
    for name in ("usr/lib64", "usr/lib/x86_64-linux-gnu", "usr/bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lib64").symlink_to("usr/lib64")
    tools = Tools(tree=tmp_path / "workshop", identity="some")
    foreign = Foreign(stand_ins=StandIns(tools=tools, programs=()), tree=tmp_path, scratch=tmp_path)
    foreign.clean()
    foreign.clean()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["bin", "lib", "usr"]
