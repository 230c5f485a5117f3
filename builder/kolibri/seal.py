"""Make a Kolibri home anonymous, so that every device that is flashed with it becomes somebody of its own.

Any Kolibri command leaves an identity behind, also the builder's own imports; a provisioned home holds even the
facility's private key. Kolibri's `deprovision` empties the tables of users and keys but leaves files, sessions and
peers. Sealing is therefore three steps, each usable alone: `deprovision` (Kolibri's command), `clean` (this module, on
a directory) and the proof in `traces`, which counts *every* table against an allow-list, so that a table of a future
Kolibri fails loudly.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from builder.errors import BuildFailed
from builder.kolibri.command import KolibriCommand, Runner
from builder.kolibri.home import account, in_tree
from builder.kolibri.leftovers import remove_leftovers
from builder.kolibri.names import identities
from builder.kolibri.search import common_texts, needles_found
from builder.kolibri.traces import unsealed
from builder.recipe.model import Kolibri

PRISTINE: Final = "/usr/share/satchel/sealed-home"
"""A copy of the sealed home's files, to restore from as long as a device is not provisioned."""

_REPLACED: Final = ("sessions", "syncqueue", "notifications", "networklocation", "job_storage")


def seal(
    runner: Runner,
    *,
    tree: Path,
    kolibri: Kolibri,
    epoch: int,
    forbidden: Sequence[str] = (),
    pristine: str = PRISTINE,
) -> None:
    """Seal the home that the recipe names, and keep a pristine copy on the system's partition.

    No Kolibri command may run on the home afterwards.

    Args:
        runner: Runs programs inside `tree`.
        tree: The device's root directory on this host.
        kolibri: Where home, content and software lie in the tree.
        epoch: The time that every file of the home will bear, in seconds since 1970.
        forbidden: Texts that must not be found in any of its files, such as the build host's name, besides the ids that
            the home carries now. Words that Kolibri or the channels use themselves are left out.
        pristine: Where in the tree the copy goes.

    Raises:
        CommandFailed: Kolibri refused to deprovision.
        BuildFailed: something that could identify a device, a facility or a learner is still there.
    """
    home = in_tree(tree, kolibri.home)
    common = common_texts((software_home(tree, kolibri), in_tree(tree, kolibri.content) / "databases"), forbidden)
    needles = (*identities(home), *(text for text in forbidden if text not in common))
    deprovision(runner, kolibri)
    clean(runner, tree=tree, kolibri=kolibri)
    require_sealed(home, needles)
    owner = account(tree, kolibri.user)
    for path in (home, *home.rglob("*")):
        os.chown(path, *owner, follow_symlinks=False)
    kept = in_tree(tree, pristine)
    _keep_copy(home, kept)
    for directory in (home, kept):
        for path in (*directory.rglob("*"), directory):
            os.utime(path, (epoch, epoch), follow_symlinks=False)
    _sync(home)


def deprovision(runner: Runner, kolibri: Kolibri) -> None:
    """Let Kolibri delete users, facility, keys and ids; content stays. Refused while its server runs."""
    KolibriCommand(runner=runner, kolibri=kolibri).manage(
        "deprovision", "--destroy-all-user-data", "--permanent-irrevocable-data-loss", why="deprovision Kolibri"
    )


def clean(runner: Runner, *, tree: Path, kolibri: Kolibri) -> None:
    """Remove what `deprovision` leaves in a home whose server is stopped."""
    home, pristine = in_tree(tree, kolibri.home), software_home(tree, kolibri)
    remove_leftovers(home)
    for name in _REPLACED:
        # Replaced and not only deleted: Kolibri would make an empty file instead, and every login would fail.
        for path in home.glob(f"{name}.sqlite3*"):
            path.unlink()
        shutil.copyfile(pristine / f"{name}.sqlite3", home / f"{name}.sqlite3")
    app_key = ("DELETE FROM device_deviceappkey", ())
    KolibriCommand(runner=runner, kolibri=kolibri).rewrite_database(app_key, why="clean Kolibri's database")


def require_sealed(home: Path, needles: Sequence[str] = ()) -> None:
    """Refuse a home that is not anonymous.

    Raises:
        BuildFailed: names every table and file, and every text of `needles` that was found.
    """
    problems = (*unsealed(home), *needles_found(home, needles))
    if problems:
        raise BuildFailed(
            f"the Kolibri home {home} still carries an identity",
            details="\n".join(problems),
            hint="a table that a new Kolibri brought is allowed, or not, in builder/kolibri/traces.py",
        )


def software_home(tree: Path, kolibri: Kolibri) -> Path:
    """The pre-migrated databases in the installed Kolibri.

    Raises:
        BuildFailed: there is no Kolibri in the virtual environment.
    """
    found = sorted(in_tree(tree, kolibri.venv).glob("lib/python3.*/site-packages/kolibri/dist/home"))
    if not found:
        raise BuildFailed(f"there is no Kolibri in {kolibri.venv}", hint="`packages.pip` must install it there")
    return found[0]


def _keep_copy(home: Path, copy: Path) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True, mode=0o755)
    for path in sorted(home.iterdir()):
        if path.is_file():
            shutil.copyfile(path, copy / path.name)
            (copy / path.name).chmod(0o644)
    _sync(copy)


def _sync(directory: Path) -> None:
    """Have everything in `directory` on the disk before anybody builds on it."""
    for path in (directory, *directory.rglob("*")):
        if path.is_file() or path.is_dir():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
