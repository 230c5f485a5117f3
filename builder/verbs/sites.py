"""Verbs about site lists: make one, check it, mint codes, print labels, see what a device would be told."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable
from pathlib import Path

from builder.errors import ArtifactError, SitesError
from builder.host.whole import write_whole
from builder.identity.columns import COLUMNS, SHARED, header_name, name_problem
from builder.identity.labels import Defaults, label_sheet
from builder.identity.matching import site_for
from builder.identity.mint import mint
from builder.identity.pages import PAGES
from builder.identity.shared import makers_of
from builder.identity.sheet import SEPARATORS
from builder.identity.site_seed import seed_of, shown_seed
from builder.identity.sites import SiteList, checked, examine, read_bytes, read_sites
from builder.identity.template import template
from builder.options import Parser, Verbs
from builder.recipe.load import load_recipe
from builder.recipe.problems import UnknownWord, as_dicts, shown
from builder.verbs.common import recipe_path, settings

_PRIVATE, _PUBLIC = 0o600, 0o644
_ROW_DIGITS = 6
"""A longer number is a code without its hyphen."""


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    sites = family.add(
        "sites",
        check,
        "keep the list of all devices: codes, names, passwords, labels",
        "sites new 200 --out sites.csv",
        "sites check sites.csv",
        "sites labels sites.csv --out labels.html",
    )
    verbs = Verbs(sites)

    examples: tuple[str, ...] = (
        "sites new 200 --out sites.csv",
        'sites new 40 --facility "École {n}" --set language=fr-fr --set hostname=ecole-{code} --separator semicolons',
        "sites new 10 --set x_district=Kisumu --not-in last-year.csv",
    )
    verb = verbs.add("new", new, "write a list with a new code for each device", *examples)
    verb.add_argument("count", metavar="N", type=_count, help="how many devices")
    verb.add_argument("--out", metavar="FILE", type=Path, help="where to write it (standard output)")
    verb.add_argument(
        "--facility",
        metavar="NAME",
        default="School {n}",
        help="the facilities' names; {n} is the device's number",
    )
    verb.add_argument(
        "--set", metavar="COLUMN=VALUE", action="append", default=[], help="a value for every row; may hold {n}, too"
    )
    verb.add_argument(
        "--separator",
        choices=tuple(SEPARATORS.values()),
        default="commas",
        help="what stands between values (commas); Excel in French, German, ... wants semicolons",
    )
    _avoids_others(verb)

    examples = ("sites check sites.csv", "sites check sites.csv --json")
    verb = verbs.add("check", check, "find every problem of a list, with its cell", *examples)
    _takes_list(verb)
    verb.speaks_json()

    examples = (
        "sites mint sites.csv",
        "sites mint sites.csv --passwords --not-in last-year.csv",
        "sites mint sites.csv --secrets my-cloud",
    )
    text = "fill blank codes in, passwords and secrets if asked; whatever is there stays as it is"
    verb = verbs.add("mint", mint_blanks, text, *examples)
    _takes_list(verb)
    verb.add_argument("--passwords", action="store_true", help="fill blank admin passwords in, too")
    verb.add_argument(
        "--secrets", metavar="RECIPE", help="fill in, too, what a recipe's devices share: the same value in all rows"
    )
    _avoids_others(verb)

    examples = (
        "sites labels sites.csv --out labels.html",
        "sites labels sites.csv --out labels.html --with-passwords --page a4-14",
        "sites labels sites.csv --out two.html --only K7M3-Q2XG 9F4T-1B62 --skip 3",
    )
    verb = verbs.add("labels", labels, "make a page of labels to print on stickers", *examples)
    _takes_list(verb)
    verb.add_argument("--out", metavar="FILE", type=Path, required=True, help="the page (HTML) to write")
    verb.add_argument("--with-passwords", action="store_true", help="show admin passwords and Wi-Fi passphrases")
    verb.add_argument("--only", metavar="CODE", nargs="+", default=[], help="labels for these devices only")
    pages = "; ".join(f"{name}: {page.called}" for name, page in PAGES.items())
    verb.add_argument("--page", choices=tuple(PAGES), default="a4-8", help=f"the sheet of stickers (a4-8). {pages}")
    verb.add_argument("--skip", metavar="N", type=_count, default=0, help="leave the first N stickers free")
    verb.add_argument("--cut-lines", action="store_true", help="draw lines to cut along, for plain paper")
    verb.add_argument(
        "--recipe", default="kolibri-pc", help="the recipe that says what a row leaves blank (kolibri-pc)"
    )

    examples = ("sites show sites.csv K7M3-Q2XG", "sites show sites.csv 12 --secrets")
    verb = verbs.add("show", show, "show the seed that a device would be given", *examples)
    _takes_list(verb)
    verb.add_argument("site", metavar="CODE|ROW", help="the code of a device, or the number of its row")
    verb.add_argument("--secrets", action="store_true", help="show passwords, too")


def new(arguments: Namespace) -> int:
    """Write a list with a new code for each device."""
    given = {header_name(name): value for name, value in settings(arguments.set).items()}
    for name in given:
        if wrong := name_problem(name):
            raise UnknownWord(wrong[0], name, COLUMNS)
    separator = next(sign for sign, called in SEPARATORS.items() if called == arguments.separator)
    data = template(
        arguments.count,
        fill={"facility": arguments.facility, **given},
        separator=separator,
        taken=_codes(arguments.not_in),
    )
    found = examine(arguments.out or Path("sites.csv"), data)
    if found.problems:
        raise SitesError(found.problems)
    if arguments.out is None:
        sys.stdout.buffer.write(data)
        return 0
    if arguments.out.exists():
        raise ArtifactError(f"{shown(arguments.out)} exists already", hint="choose another name")
    _write(arguments.out, data, secret=found.has_secrets)
    print(shown(arguments.out))
    return 0


def check(arguments: Namespace) -> int:
    """Find every problem of a list."""
    try:
        found = examine(arguments.file, read_bytes(arguments.file))
    except SitesError as error:
        if not arguments.json:
            raise
        print(json.dumps({"sites": 0, "problems": as_dicts(error.problems), "warnings": []}, indent=1))
        return error.exit_code
    if arguments.json:
        facts = {"problems": as_dicts(found.problems), "warnings": as_dicts(found.warnings)}
        print(json.dumps({"sites": len(found.sites), **facts}, indent=1))
        return SitesError.exit_code if found.problems else 0
    _warn(found)
    if found.problems:
        raise SitesError(found.problems)
    blank = sum(site.code is None for site in found.sites)
    print(f"{shown(arguments.file)}: no problem found; {len(found.sites)} sites, {blank} of them without a code")
    return 0


def mint_blanks(arguments: Namespace) -> int:
    """Fill blank codes in, passwords and secrets if asked."""
    file: Path = arguments.file
    found = checked(file)
    shared = _shared_secrets(arguments.secrets) if arguments.secrets else {}
    minted = mint(found, taken=_codes(arguments.not_in), passwords=arguments.passwords, shared=shared)
    result = examine(file, minted.data)
    if result.problems:
        raise SitesError(result.problems)
    if minted.codes or minted.passwords or minted.secrets:
        _refuse_while_open(file)
        _write(file, minted.data, secret=result.has_secrets)
    counts = [
        f"{minted.codes} codes",
        f"{minted.passwords} passwords",
        *([f"{minted.secrets} secrets"] if shared else []),
    ]
    print(f"{shown(file)}: {' and '.join(counts)} minted for {len(found.sites)} sites")
    return 0


def _shared_secrets(name: str) -> dict[str, Callable[[], str]]:
    """Makers of what the devices of a recipe share, by the names of the columns."""
    makers = makers_of(load_recipe(recipe_path(name)).recipe)
    if not makers:
        raise ArtifactError(f"the devices of {name} share no secret", hint="those with `scope: site` are shared")
    return {SHARED + name.replace("-", "_"): make for name, make in makers.items()}


def labels(arguments: Namespace) -> int:
    """Make a page of labels."""
    recipe = load_recipe(recipe_path(arguments.recipe)).recipe
    facility = recipe.firstboot.facility
    defaults = Defaults(
        hostname=recipe.firstboot.hostname,
        facility=facility.name if facility else None,
        admin=facility.admin if facility else None,
        port=recipe.kolibri.port if recipe.kolibri else None,
    )
    sheet = label_sheet(
        checked(arguments.file),
        defaults,
        PAGES[arguments.page],
        only=arguments.only,
        secrets=arguments.with_passwords,
        skip=arguments.skip,
        cut_lines=arguments.cut_lines,
    )
    _write(arguments.out, sheet.html.encode(), secret=sheet.secret)
    print(f"{shown(arguments.out)}: {sheet.labels} labels")
    return 0


def show(arguments: Namespace) -> int:
    """Show the seed of one device."""
    given: str = arguments.site
    is_row = given.isdecimal() and len(given) <= _ROW_DIGITS
    found = checked(arguments.file)
    site = site_for(found.sites, row=int(given)) if is_row else site_for(found.sites, code=given)
    assert site is not None
    print(shown_seed(seed_of(site, image=None, file=arguments.file), secrets=arguments.secrets))
    return 0


def _takes_list(verb: Parser) -> None:
    verb.add_argument("file", metavar="FILE", type=Path, help="the site list, a CSV file")


def _avoids_others(verb: Parser) -> None:
    verb.add_argument(
        "--not-in", metavar="OTHER", type=Path, action="append", default=[], help="mint no code that this list has"
    )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"'{text}' is not a number")
    return int(text)


def _codes(lists: Iterable[Path]) -> set[str]:
    return {site.code for path in lists for site in read_sites(path) if site.code}


def _write(path: Path, data: bytes, *, secret: bool) -> None:
    """Write a file that only its owner can read if there are passwords in it, and say so."""
    try:
        write_whole(path, data, mode=_PRIVATE if secret else _PUBLIC)
    except OSError as error:
        raise ArtifactError(f"{shown(path)} cannot be written: {error.strerror}") from error
    if secret:
        print(f"warning: {shown(path)} holds passwords; only you can read it. Do not send it around.", file=sys.stderr)


def _warn(found: SiteList) -> None:
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _refuse_while_open(path: Path) -> None:
    """A spreadsheet that has the list open would save its own old copy over the new codes."""
    lock = path.with_name(f".~lock.{path.name}#")
    if lock.exists():
        hint = f"close it there first; if it is not open any more, delete {shown(lock)}"
        raise ArtifactError(f"{shown(path)} is open in LibreOffice", hint=hint)
