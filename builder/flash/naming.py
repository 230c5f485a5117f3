"""Who a card becomes: the next row of the site list that is meant for it and that nobody has.

A code is reserved in the ledger before the card gets it. From then on it belongs to this attempt, whatever becomes of
it: a card that fails now, or a flasher that dies now, takes the code with it. Two cards with one identity are worse
than a row that has to be minted anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.errors import FlashRefused, Problem, SatchelError, SitesError
from builder.identity.columns import COLUMNS
from builder.identity.seed_file import rendered
from builder.identity.site_seed import seed_of
from builder.identity.sites import Site, read_sites
from builder.ledger.ledger import Ledger, Taken
from builder.recipe.problems import shown


class NobodyLeft(SatchelError):
    """Every row that is meant for a card was given away."""

    exit_code = FlashRefused.exit_code
    meaning = FlashRefused.meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An identity that belongs to one attempt now."""

    code: str
    seed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Namer:
    """Gives the rows of one list away."""

    file: Path
    sites: tuple[Site, ...]
    image: str
    """The recipe of the image: a device of another one refuses the seed."""
    room_bytes: int
    """The size of a seed's place."""
    chosen: Site | None = None
    """The one row that somebody chose for the one card that there is."""

    def free(self, ledger: Ledger, *, slot: str) -> frozenset[str]:
        """The codes of the rows that some card could get in this slot.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        meant = [*self._meant(slot, ""), *(site for site in self.sites if site.serial)]
        return frozenset(site.code for site in meant if site.code) - ledger.reserved()

    def served(self, ledger: Ledger, cards: Iterable[tuple[str, str]]) -> list[bool]:
        """Which of some cards, by slot and serial number, get a row if they are named in this order.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        taken, found = set(ledger.reserved()), []
        for slot, serial in cards:
            code = next((site.code for site in self._meant(slot, serial) if site.code not in taken), None)
            taken |= {code} if code else set()
            found.append(code is not None)
        return found

    def give(self, ledger: Ledger, attempt: str, *, slot: str, serial: str) -> Given:
        """Reserve the first row for this card that is free.

        Raises:
            NobodyLeft: there is none.
            LedgerError: the ledger cannot be written.
            SitesError: the row makes no seed.
        """
        taken = ledger.reserved()
        for site in self._meant(slot, serial):
            if site.code is None or site.code in taken:
                continue
            # What cannot be written must not be reserved.
            seed = self._seed(site)
            try:
                ledger.reserve(site.code, attempt, {"row": site.row, "facility": site.facility or ""})
            except Taken:
                continue
            return Given(code=site.code, seed=seed)
        where = f"; slot {slot}" if slot else ""
        raise NobodyLeft(f"{shown(self.file)}: no row is left for this card{where}", hint="add rows: satchel sites new")

    def _meant(self, slot: str, serial: str) -> Iterable[Site]:
        return (self.chosen,) if self.chosen else meant_for(self.sites, slot=slot, serial=serial)

    def _seed(self, site: Site) -> bytes:
        data = rendered(seed_of(site, image=self.image, file=self.file))
        text = data.rstrip(b"\n") + b"\n"
        if len(text) > self.room_bytes:
            message = f"its seed needs {len(text):,} bytes, and the card has room for {self.room_bytes:,}"
            raise SitesError(
                [Problem(file=shown(self.file), line=site.line, column=1, path=f"row {site.row}", message=message)]
            )
        return text.ljust(self.room_bytes, b"\n")


def namer_for(file: Path, *, image: str, room_bytes: int) -> Namer:
    """The namer of a list in which every row has its code.

    Raises:
        SitesError: the list has problems, or rows without a code.
    """
    sites = read_sites(file)
    hint = f"`satchel sites mint {shown(file)}` fills blank codes in"
    blank = [
        Problem(file=shown(file), line=site.line, column=1, path=f"row {site.row}", message="it has no code", hint=hint)
        for site in sites
        if site.code is None
    ]
    if blank:
        raise SitesError(blank)
    return Namer(file=file, sites=sites, image=image, room_bytes=room_bytes)


def meant_for(sites: Sequence[Site], *, slot: str, serial: str) -> Iterator[Site]:
    """The rows that a card may get: those for its serial number, for its slot, for anybody. Pure."""
    yield from _with(sites, "serial", serial)
    yield from (site for site in _with(sites, "slot", slot) if not site.serial)
    # A row with an address is for one machine, and a card does not know in which one it will be.
    yield from (site for site in sites if not (site.serial or site.slot or site.mac))


def _with(sites: Iterable[Site], name: str, value: str) -> Iterator[Site]:
    if not value:
        return
    wanted = COLUMNS[name].normalize(value.strip()).casefold()
    yield from (site for site in sites if (getattr(site, name) or "").casefold() == wanted)
