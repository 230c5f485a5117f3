"""Bring what a lock names into the pool: the only step of a build that uses the network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from builder.errors import HostError, PlanError
from builder.host.pool import Pool
from builder.lock.archive import Archive, Origin, archive, downloadable
from builder.lock.model import Deb, Wheel
from builder.lock.pip import download_wheels
from builder.progress import Advance, Reporter
from builder.units import format_size

_STARTED: Final = re.compile(r"Get:\d+ (\S+)")
_FAILED: Final = re.compile(r"E: Failed to fetch \S*/(?P<file>\S+)\s+(?P<reason>.+)")
_UNREACHABLE: Final = re.compile(r"Could not|failure resolving|nable to connect|Connection|timed out")

_FEW: Final = 5
"""Names that fit into a command that a person copies."""

_MANY: Final = 20
"""Longer lists are cut: nobody reads them."""


class Moved(PlanError):
    """The mirrors no longer have what the lock names; each package with the version that they have now, if any."""

    def __init__(self, moved: Mapping[Deb, str | None], *, recipe: str) -> None:
        self.debs = tuple(moved)
        names = sorted({deb.name for deb in moved})
        upgrade = " ".join(("--upgrade", *names)) if len(names) <= _FEW else "--upgrade"
        count = "1 package" if len(moved) == 1 else f"{len(moved)} packages"
        now = {deb: f"-> {version}" if version else "is no longer there" for deb, version in moved.items()}
        super().__init__(
            f"the mirrors moved on: {count} of the lock cannot be had any more",
            details="\n".join(f"{deb.name} {deb.version} {now[deb]}" for deb in moved),
            hint=f"`satchel lock {recipe} {upgrade}` takes those of today; a bundle keeps what is still there for ever "
            "(`satchel bundle`)",
        )


def fetch(
    wanted: Iterable[Deb | Wheel],
    *,
    recipe: str,
    origins: Sequence[Origin],
    pool: Pool,
    offline: bool,
    reporter: Reporter,
) -> None:
    """Bring the files that the pool lacks. Must run inside the namespace if it lacks any.

    Args:
        wanted: Files of a lock.
        recipe: Whose lock it is, for advice.
        origins: Archives that may have the Debian packages; all their mirrors are tried.
        pool: Where the files go.
        offline: Never use the network.
        reporter: Who is told.

    Raises:
        PlanError: `offline`, and something is missing.
        Moved: the mirrors have other versions now.
        HostError: the network or a mirror does not answer as it should.
    """
    missing = pool.missing(wanted)
    if not missing:
        return
    total = sum(file.size_bytes for file in missing)
    count = "1 file" if len(missing) == 1 else f"{len(missing)} files"
    if offline:
        raise PlanError(
            f"the pool lacks {count} ({format_size(total)}), and the network may not be used",
            details=_listed(missing),
            hint="fetch them on a machine with network, or build from a bundle that holds them",
        )
    debs = [file for file in missing if isinstance(file, Deb)]
    wheels = [file for file in missing if isinstance(file, Wheel)]
    with reporter.step("fetch", detail=f"{count}, {format_size(total)}"), reporter.amount("fetch", total) as advance:
        if debs:
            _fetch_debs(debs, recipe=recipe, origins=origins, pool=pool, advance=advance)
        download_wheels(wheels, pool=pool, advance=advance)


def _listed(files: Sequence[Deb | Wheel]) -> str:
    lines = [f"{file.name} {file.version}  {format_size(file.size_bytes)}" for file in files[:_MANY]]
    return "\n".join([*lines, f"and {len(files) - _MANY} more"] if len(files) > _MANY else lines)


def _fetch_debs(debs: list[Deb], *, recipe: str, origins: Sequence[Origin], pool: Pool, advance: Advance) -> None:
    with ExitStack() as stack:
        archives = [stack.enter_context(archive(origin)) for origin in origins]
        # Which site has a package is not written in a lock, because packages wander: from security to the next point
        # release, say. Most are at the first.
        remaining = debs
        for there in archives:
            for site in there.sites:
                remaining = _from_site(there, site, remaining, pool=pool, advance=advance)
        newest: dict[str, str] = {}
        complaints: list[str] = []
        for there in archives if remaining else ():
            own = [deb for deb in remaining if deb.architecture in {"all", there.origin.architecture}]
            if not own:
                continue
            there.update()
            offered = _offered(there, {deb.name for deb in own})
            newest = {**{name: versions[0] for name, versions in offered.items()}, **newest}
            elsewhere = [deb for deb in own if deb.version in offered.get(deb.name, ())]
            outcome = _download(there, _addresses(there, elsewhere), pool=pool, advance=advance)
            complaints += outcome.complaints
            remaining = [deb for deb in remaining if deb not in elsewhere or deb in outcome.absent]
        if complaints:
            raise HostError(
                "a mirror does not give what its lists promise",
                details="\n".join(complaints),
                hint="try again later or choose another mirror with SATCHEL_MIRROR",
            )
        if remaining:
            raise Moved({deb: newest.get(deb.name) for deb in remaining}, recipe=recipe)


def _from_site(there: Archive, site: str, debs: list[Deb], *, pool: Pool, advance: Advance) -> list[Deb]:
    """Those that the site does not have."""
    absent: list[Deb] = []
    # One first: apt would wait for each of hundreds if the site does not answer.
    for group in (debs[:1], debs[1:]):
        addresses = {deb: f"{site}/{quote(deb.file)}" for deb in group}
        outcome = _download(there, addresses, pool=pool, advance=advance)
        if group == debs[:1] and any(map(_UNREACHABLE.search, outcome.complaints)):
            raise HostError(
                "a mirror does not answer",
                details="\n".join(outcome.complaints),
                hint="check the network and its proxy, or choose another mirror with SATCHEL_MIRROR",
            )
        absent += outcome.absent
    return absent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    absent: tuple[Deb, ...]
    complaints: tuple[str, ...]


def _download(there: Archive, addresses: Mapping[Deb, str], *, pool: Pool, advance: Advance) -> _Outcome:
    """Try one address for each package; what arrives is in the pool."""
    if not addresses:
        return _Outcome(absent=(), complaints=())
    sizes = {address: deb.size_bytes for deb, address in addresses.items()}
    complaints: list[str] = []

    def heard(line: str) -> None:
        if started := _STARTED.match(line):
            advance(sizes.get(started[1], 0))
        elif failed := _FAILED.match(line):
            complaints.append(f"{failed['file']}: {failed['reason'].strip()}")

    with pool.scratch() as directory:
        places: dict[Deb, Path] = {deb: directory / deb.sha256 for deb in addresses}
        there.download([(addresses[deb], places[deb], deb.sha256) for deb in addresses], on_line=heard)
        arrived = [deb for deb in addresses if places[deb].is_file()]
        for deb in arrived:
            pool.take(places[deb], deb)
    absent = tuple(deb for deb in addresses if deb not in arrived)
    return _Outcome(absent=absent, complaints=tuple(complaints))


def _offered(there: Archive, names: Iterable[str]) -> dict[str, list[str]]:
    """Versions that the archive has now, the newest first, by name."""
    listing = there.run(("apt-cache", "madison", *sorted(names)), why="look what the mirrors have now")
    offered: dict[str, list[str]] = {}
    for line in listing.splitlines():
        name, version, source = (part.strip() for part in line.split("|"))
        if source.endswith(" Packages"):
            offered.setdefault(name, []).append(version)
    return offered


def _addresses(there: Archive, debs: Sequence[Deb]) -> dict[Deb, str]:
    """Where the archive has exactly these versions now."""
    if not debs:
        return {}
    exact = [f"{deb.name}={deb.version}" for deb in debs]
    listing = there.run(("apt-get", "--quiet", "--print-uris", "download", *exact), why="find packages that wandered")
    # In the order of the arguments, a line for each.
    addresses = map(downloadable, re.findall(r"^'(\S+)' ", listing, re.MULTILINE))
    return dict(zip(debs, addresses, strict=True))
