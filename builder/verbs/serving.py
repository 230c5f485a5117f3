"""`content serve`: one machine, from which many devices import at once."""

from __future__ import annotations

import json
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Final

from builder.artifact import find_image
from builder.content.peer.addresses import own_addresses
from builder.content.peer.server import ContentServer, serving
from builder.content.peer.shelf import Offer, Shelf, shelf_of_directory, shelf_of_image
from builder.content.peer.visitors import Visitor
from builder.disk.image import DESCRIPTOR
from builder.errors import PlanError, UsageError
from builder.options import Verbs
from builder.progress import Board, Reporter, reporter_for
from builder.units import format_size
from builder.verbs.common import DIST

_PORT: Final = 8080
"""The first that a Kolibri tries when it is told an address without a port."""
_LOOK_S: Final = 0.5
_QUIET_S: Final = 30.0
"""A device that got nothing for so long is done, or thinks: between importing a channel and its content it is busy."""


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    examples = (
        "content serve kolibri-pc",
        "content serve /media/usb --only 5e1f0c1b5d7e4b0c9d8a7f6e5d4c3b2a",
        "content serve card.img --listen 192.168.4.1 --port 8008 --json",
    )
    verb = family.add("serve", serve, "serve the channels of an image or a drive to many Kolibris at once", *examples)
    verb.add_argument(
        "what",
        metavar="WHAT",
        help="an image, a card, the name of a recipe for its image in dist/, an exported drive, a Kolibri home or a"
        " content directory",
    )
    verb.add_argument("--only", metavar="ID", action="append", default=[], help="only this channel; may be repeated")
    verb.add_argument("--listen", metavar="ADDRESS", default="0.0.0.0", help="at one IPv4 address only (all)")
    verb.add_argument("--port", metavar="N", type=int, default=_PORT, help=f"the port ({_PORT}); 0: any that is free")
    verb.add_argument(
        "--json", action="store_true", help="print JSON lines for scripts, one whenever something changed"
    )


def serve(arguments: Namespace) -> int:
    """Serve content until somebody ends it."""
    listen, port = _place(arguments)
    shelf = _shelf(arguments)
    stop, hurry = Event(), Event()

    def asked_to_end(_number: int, _frame: FrameType | None) -> None:
        # This is how serving ends, and not that it was interrupted.
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, asked_to_end)
    with serving(shelf, listen=listen, port=port) as server:
        urls = _urls(listen, server.server_port)
        if arguments.json:
            _print_json(_facts(shelf, urls))
            _watch_for_scripts(server, stop)
        else:
            print(_told(shelf, urls), flush=True)
            _watch(server, stop, reporter_for("auto"))
            if any(visitor.busy for visitor in server.visitors.all()):
                print("the files that are being sent are finished; Ctrl-C again ends it at once", file=sys.stderr)
        server.finish(hurry)
        visitors = server.visitors.all()
    if arguments.json:
        _print_json({"event": "ended", "clients": [_visitor_facts(visitor) for visitor in visitors]})
    else:
        print("\n".join(_summary(visitors)))
    return 0


def _place(arguments: Namespace) -> tuple[str, int]:
    try:
        IPv4Address(arguments.listen)
    except AddressValueError as error:
        raise UsageError(f"--listen {arguments.listen}: {error}", hint="give an IPv4 address of this machine") from None
    if not 0 <= arguments.port < 1 << 16:
        raise UsageError(f"--port {arguments.port}: there is no such port")
    return arguments.listen, arguments.port


def _shelf(arguments: Namespace) -> Shelf:
    path = Path(arguments.what)
    if path.is_dir() and not (built := _images_in(path)):
        shelf = shelf_of_directory(path, only=arguments.only)
    elif path.is_dir():
        shelf = shelf_of_image(built[0], only=arguments.only)
    else:
        image = path if path.is_block_device() else find_image(arguments.what, dist=DIST)
        shelf = shelf_of_image(image, only=arguments.only)
    if not any(offer.resources for offer in shelf.offers):
        raise PlanError(
            f"{' and '.join(shelf.called)} has channels but none of their files",
            details="\n".join(_line(offer) for offer in shelf.offers),
        )
    return shelf


def _images_in(directory: Path) -> tuple[Path, ...]:
    """The image in the directory of a build, whole or split."""
    name = directory.resolve().name
    candidates = (directory / f"{name}.img", directory / f"{name}{DESCRIPTOR}")
    return tuple(path for path in candidates if path.is_file())


def _urls(listen: str, port: int) -> dict[str, str]:
    """Addresses to type, with what leads to each."""
    if listen != "0.0.0.0":
        return {f"http://{listen}:{port}": ""}
    found = own_addresses() or (("127.0.0.1", "no network"),)
    return {f"http://{address}:{port}": name for address, name in found}


def _told(shelf: Shelf, urls: dict[str, str]) -> str:
    first = next(iter(urls))
    channel = next(offer for offer in shelf.offers if offer.resources).channel.id
    return "\n".join(
        (
            f"channels of {' and '.join(shelf.called)}",
            *(f"  {_line(offer)}" for offer in shelf.offers),
            "In Kolibri: Device > Channels > Import > Local network or internet > Add new device, with this address:",
            *(f"  {url}{f'  ({name})' if name else ''}" for url, name in urls.items()),
            "or by commands:",
            f"  kolibri manage importchannel network {channel} --baseurl {first}",
            f"  kolibri manage importcontent network {channel} --baseurl {first}",
            "Ctrl-C ends it.",
        )
    )


def _line(offer: Offer) -> str:
    channel = offer.channel
    parts = [f"{channel.id}  {channel.name}", f"version {channel.version}"]
    parts += [f"{offer.resources} resources", f"{offer.files} files", format_size(offer.size)]
    if offer.lacking:
        parts.append(f"{offer.lacking} files are not here")
    if not offer.resources:
        parts.append("not offered")
    return ", ".join(parts)


def _watch(server: ContentServer, stop: Event, reporter: Reporter) -> None:
    """Show what goes on until the end."""
    told: dict[str, Visitor] = {}
    heard = 0
    with reporter.board(()) as board:
        while not stop.wait(_LOOK_S):
            troubles = server.visitors.troubles()
            for trouble in troubles[heard:]:
                reporter.note(trouble)
            heard = len(troubles)
            for visitor in server.visitors.all():
                _show(visitor, told, board, reporter)


def _show(visitor: Visitor, told: dict[str, Visitor], board: Board, reporter: Reporter) -> None:
    before = told.get(visitor.address)
    if before is None:
        reporter.note(f"{visitor.address} has come")
        told[visitor.address] = Visitor(address=visitor.address)
    board.show(visitor.address, _got(visitor))
    quiet = not visitor.busy and time.monotonic() - visitor.seen_s > _QUIET_S
    if quiet and before is not None and visitor.bytes != before.bytes:
        board.tell(visitor.address, f"{_got(visitor)}; nothing more for {_QUIET_S:.0f} s", ok=True)
        told[visitor.address] = visitor


def _watch_for_scripts(server: ContentServer, stop: Event) -> None:
    told: dict[str, Visitor] = {}
    heard = 0
    while not stop.wait(_LOOK_S):
        troubles = server.visitors.troubles()
        for trouble in troubles[heard:]:
            _print_json({"event": "trouble", "text": trouble})
        heard = len(troubles)
        for visitor in server.visitors.all():
            if told.get(visitor.address) != visitor:
                _print_json({"event": "client", **_visitor_facts(visitor)})
                told[visitor.address] = visitor


def _got(visitor: Visitor) -> str:
    return f"{format_size(visitor.bytes)}, {visitor.files} files"


def _summary(visitors: Iterable[Visitor]) -> Iterator[str]:
    found = tuple(visitors)
    if not found:
        yield "nobody came"
    for visitor in found:
        yield f"{visitor.address}: {_got(visitor)}"
    if len(found) > 1:
        total = sum(visitor.bytes for visitor in found)
        yield f"in all: {format_size(total)}, {sum(visitor.files for visitor in found)} files, {len(found)} addresses"


def _facts(shelf: Shelf, urls: dict[str, str]) -> dict[str, object]:
    channels = [
        {
            "id": offer.channel.id,
            "name": offer.channel.name,
            "version": offer.channel.version,
            "resources": offer.resources,
            "files": offer.files,
            "bytes": offer.size,
            "lacking": offer.lacking,
        }
        for offer in shelf.offers
    ]
    return {"event": "serving", "addresses": list(urls), "channels": channels}


def _visitor_facts(visitor: Visitor) -> dict[str, object]:
    return {
        "address": visitor.address,
        "bytes": visitor.bytes,
        "files": visitor.files,
        "busy": visitor.busy,
    }


def _print_json(facts: dict[str, object]) -> None:
    print(json.dumps(facts), flush=True)
