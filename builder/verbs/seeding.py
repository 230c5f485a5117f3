"""Verbs about seeds: what tells one card who it becomes."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from builder.checksums import CHECKSUMS
from builder.errors import ArtifactError, SitesError, UsageError
from builder.identity.born import settle
from builder.identity.choosing import Choice, seed_for
from builder.identity.iso import is_iso, read_iso, write_iso
from builder.identity.place import SeedPlace, find_place, is_device
from builder.identity.seed_file import EMPTY, FILE, ROOM, read_seed, rendered, seed_in
from builder.identity.showing import as_dict, as_text, name_of
from builder.identity.ssh_keys import read_keys
from builder.identity.writing import write_place
from builder.manifest import Manifest, read_manifest
from builder.options import Parser, Verbs
from builder.verbs.common import settings
from builder.verbs.nursery import nursery

if TYPE_CHECKING:
    # Found by way of `builder.identity`.
    from seed.born import Born
    from seed.document import Seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A seed and what came with it."""

    seed: Seed
    child: Born | None = None
    """The facility that was born for it."""
    minted: bool = False
    """Its password was made here, and nobody has seen it yet."""


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    seed = family.add(
        "seed",
        show,
        "tell one card or virtual machine who it becomes at its first start",
        "seed write /dev/sdX --sites sites.csv --row 7",
        "seed show /dev/sdX",
        "seed iso school-7.iso --sites sites.csv --row 7",
    )
    verbs = Verbs(seed)

    examples: tuple[str, ...] = (
        "seed write /dev/sdX --sites sites.csv --row 7",
        'seed write copy.img --set facility.name="École du Lac" --set site.timezone=Africa/Nairobi',
        "seed write /dev/sdX --from seed.txt --born --json",
    )
    verb = verbs.add("write", write, "write a seed into its place on a card or in an image", *examples)
    _takes_target(verb)
    _takes_seed(verb)
    verb.add_argument("--manifest", metavar="FILE", help="insist that the place is where this manifest says")
    verb.add_argument("--again", action="store_true", help="also on a card that has had its first start")
    verb.add_argument("--dry-run", action="store_true", help="check everything and write nothing")

    examples = ("seed show /dev/sdX", "seed show seed.iso --secrets", "seed show copy.img --json")
    verb = verbs.add("show", show, "show the seed on a card, in an image, on a seed disk or in a text", *examples)
    verb.add_argument("target", metavar="TARGET", help="a block device, an image, a seed disk or a text file")
    verb.add_argument("--secrets", action="store_true", help="show passwords and keys, too")
    verb.speaks_json()

    verb = verbs.add("clear", clear, "remove a seed, so that the device chooses for itself", "seed clear /dev/sdX")
    _takes_target(verb)

    verb = verbs.add("check", check, "find every problem in a seed that was edited by hand", "seed check seed.txt")
    verb.add_argument("file", metavar="FILE", help="a text file")

    examples = (
        "seed iso school-7.iso --sites sites.csv --code K7M3-Q2XC",
        "seed iso born.iso --image kolibri-pc --born --json",
        "seed iso server.iso --ssh-key ~/.ssh/id_ed25519.pub",
    )
    verb = verbs.add("iso", iso, "make a seed disk for a virtual machine", *examples)
    verb.add_argument("output", metavar="OUT.iso", help="the file to write")
    _takes_seed(verb)
    verb.add_argument("--image", metavar="RECIPE", help="the recipe of the image that it is for; needed with --born")
    verb.add_argument(
        "--ssh-key",
        metavar="FILE",
        action="append",
        default=[],
        help="public keys for the technician; taken by cloud-init, so by images with lib/cloud.yml",
    )


def _takes_target(action: Parser) -> None:
    action.add_argument(
        "target", metavar="TARGET", help="a block device, an image file or the descriptor of a split one"
    )
    action.add_argument(
        "--in-place", action="store_true", help=f"also in an image whose {CHECKSUMS} will then be wrong"
    )


def _takes_seed(action: Parser) -> None:
    action.add_argument("--from", dest="source", metavar="FILE", help="begin with a seed in a text file")
    action.add_argument("--sites", metavar="FILE", help="take it from a site list; say which site by one of these:")
    action.add_argument("--code", help="the site with this facility code")
    action.add_argument("--row", type=int, metavar="N", help="the site in this row, where the header is row 1")
    action.add_argument("--slot", metavar="S", help="the site for this slot of a card reader")
    action.add_argument("--serial", metavar="X", help="the site for the machine with this serial number")
    action.add_argument("--mac", metavar="M", help="the site for the machine with this address")
    action.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a value, such as facility.name=...; none: NAME=",
    )
    action.add_argument(
        "--born", action="store_true", help="let the Kolibri facility be born here, so that its id is known now"
    )
    action.speaks_json()


def write(arguments: Namespace) -> int:
    """Write a seed."""
    place = _place(arguments)
    if arguments.manifest and not place.is_where(read_manifest(Path(arguments.manifest))):
        raise ArtifactError(
            f"the seed on {place.target} does not lie where {arguments.manifest} says",
            hint="it is another image, or somebody edited the seed on another computer",
        )
    _require_free(place, again=arguments.again)
    told = _told(arguments, place.manifest)
    data = rendered(told.seed)
    if not arguments.dry_run:
        write_place(place, data)
    _tell(told, arguments, done=f"{place.target} has its seed", where=str(place.target))
    return 0


def show(arguments: Namespace) -> int:
    """Show a seed."""
    target = Path(arguments.target)
    seed = _found(target)
    if arguments.json:
        print(json.dumps({"seed": None if seed is None else as_dict(seed, secrets=arguments.secrets)}, indent=1))
    elif seed is None:
        print(f"{target}: there is no seed; the device chooses for itself")
    else:
        print(as_text(seed, secrets=arguments.secrets))
    return 0


def clear(arguments: Namespace) -> int:
    """Remove a seed."""
    place = _place(arguments)
    write_place(place, EMPTY)
    print(f"{place.target} has no seed any more")
    return 0


def check(arguments: Namespace) -> int:
    """Find problems."""
    seed = read_seed(Path(arguments.file))
    print(f"{arguments.file}: {'there is no seed in it' if seed is None else 'this seed can be used'}")
    return 0


def iso(arguments: Namespace) -> int:
    """Make a seed disk."""
    keys = read_keys(map(Path, arguments.ssh_key))
    told = _told(arguments, None)
    out = Path(arguments.output)
    instance = told.seed.code or told.seed.hostname or "satchel"
    write_iso(out, rendered(told.seed), instance=instance, ssh_keys=keys)
    _tell(told, arguments, done=f"{out} is ready", where=str(out))
    return 0


def _place(arguments: Namespace) -> SeedPlace:
    target = Path(arguments.target)
    sums = target.parent / CHECKSUMS
    if not is_device(target) and not arguments.in_place and sums.is_file():
        names = [line.split("  ", 1)[-1] for line in sums.read_text(encoding="utf-8").splitlines()]
        if target.name in names:
            raise UsageError(
                f"{target} would no longer be what {sums} says",
                hint=f"write to a copy (cp --sparse=always {target} copy.img), or allow it with --in-place",
            )
    return find_place(target)


def _require_free(place: SeedPlace, *, again: bool) -> None:
    """A card that became a device must not become another one by mistake; a place that is damaged may be repaired."""
    try:
        there = seed_in(place.data, source=f"{place.target}:{FILE}")
    except SitesError:
        there = None
    if again:
        return
    if place.had_first_boot:
        raise UsageError(
            f"{place.target} has had its first start and takes no seed any more",
            hint="its report says who it is; flash the card anew, or write a seed nevertheless with --again",
        )
    if there is not None and there.taken:
        raise UsageError(
            f"the seed on {place.target} was taken by a device already: {name_of(there)}",
            hint="a device takes a seed once; flash the card anew, or write it nevertheless with --again",
        )


def _told(arguments: Namespace, manifest: Manifest | None) -> Told:
    """The seed that the options describe, and the facility that was born for it."""
    image: str | None = manifest.recipe.name if manifest else getattr(arguments, "image", None)
    choice = Choice(
        source=Path(arguments.source) if arguments.source else None,
        sites=Path(arguments.sites) if arguments.sites else None,
        code=arguments.code,
        row=arguments.row,
        slot=arguments.slot,
        serial=arguments.serial,
        mac=arguments.mac,
        values=settings(arguments.set),
    )
    seed = seed_for(choice, image=image)
    if not arguments.born:
        return Told(seed=seed)
    if image is None:
        raise UsageError("--born needs to know for which image", hint="give the name of its recipe: --image kolibri-pc")
    with nursery(image, manifest) as (place, first_boot):
        settled, child = settle(seed, place, first_boot)
    return Told(seed=settled, child=child, minted=seed.admin_password is None)


def _found(target: Path) -> Seed | None:
    if is_iso(target):
        return seed_in(read_iso(target), source=f"{target}:{FILE}")
    try:
        data = find_place(target).data
    except ArtifactError:
        if is_device(target) or target.stat().st_size > ROOM:
            raise
        return read_seed(target)
    return seed_in(data, source=f"{target}:{FILE}")


def _tell(told: Told, arguments: Namespace, *, done: str, where: str) -> None:
    """What an inventory wants to know; no secret but the one that nobody has seen yet."""
    seed, child = told.seed, told.child
    known = {"target": where, "code": seed.code, "facility": seed.facility.name, "hostname": seed.hostname}
    if child:
        known |= {"facility_id": child.facility_id, "dataset_id": child.dataset_id}
    if told.minted:
        known |= {"admin_password": seed.admin_password}
    written = not getattr(arguments, "dry_run", False)
    if arguments.json:
        print(json.dumps({**known, "written": written}, indent=1, ensure_ascii=False))
        return
    print(done if written else f"nothing was written to {where}; everything is in order")
    for name, value in known.items():
        if value and name != "target":
            print(f"  {name.replace('_', ' ')}: {value}")
    if told.minted:
        print("write the password down: no screen will show it")
