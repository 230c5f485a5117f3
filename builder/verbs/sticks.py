"""Verbs about content sticks: new channels for devices in use, and the keys that devices trust."""

from __future__ import annotations

import json
import re
import stat
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from builder.content.stick.keys import make_key
from builder.content.stick.manifest import LABEL
from builder.content.stick.writing import Order, Written, write_stick
from builder.errors import UsageError
from builder.host.namespace import enter
from builder.host.tools import ensure_lab
from builder.options import Verbs
from builder.progress import reporter_for
from builder.units import format_size


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    examples: tuple[str, ...] = (
        "content stick /media/KOLIBRI --to /media/SATCHELCONT --key stick.pem",
        "content stick ../channels --to stick.img --key stick.pem --for kolibri-pc",
        "content stick /media/KOLIBRI --to stick.img --key stick.pem --only 9a7c3f0f5e5d4b0fa1d2c3b4a5968778",
    )
    text = "put channels on a signed stick that devices take when it is plugged in"
    verb = family.add("stick", stick, text, *examples)
    verb.add_argument("source", metavar="SOURCE", type=Path, help="an exported Kolibri drive or a content directory")
    verb.add_argument(
        "--to",
        metavar="DIR|FILE",
        type=Path,
        required=True,
        help=f"the top of a mounted stick with the label {LABEL}, or a new image file for `satchel flash`",
    )
    verb.add_argument("--key", metavar="KEY.pem", type=Path, required=True, help="the private key (content stick-key)")
    verb.add_argument("--only", metavar="ID", action="append", default=[], help="a channel to take; may be repeated")
    verb.add_argument(
        "--for",
        metavar="RECIPE",
        action="append",
        default=[],
        dest="products",
        help="only devices made from this recipe take it; may be repeated (all devices that trust the key)",
    )
    verb.add_argument("--serial", metavar="N", type=int, help="greater than that of older sticks (YYYYMMDDhhmmss, now)")
    verb.shows_progress()
    verb.speaks_json()

    text = "make a key for sticks and print its public half, which the recipe of a device names"
    verb = family.add("stick-key", stick_key, text, "content stick-key stick.pem")
    verb.add_argument("file", metavar="FILE", type=Path, help="the private key to make; keep it where no stick goes")
    verb.speaks_json()


def stick(arguments: Namespace) -> int:
    """Make a stick."""
    target: Path = arguments.to
    wrong = [name for name in arguments.products if not re.fullmatch(r"[a-z][a-z0-9-]{0,35}", name)]
    if wrong:
        raise UsageError(f'"{wrong[0]}" is no name of a recipe', hint="--for takes the name, such as kolibri-pc")
    now = int(datetime.now(UTC).strftime("%Y%m%d%H%M%S"))
    order = Order(
        source=arguments.source,
        only=tuple(arguments.only),
        products=tuple(arguments.products),
        serial=now if arguments.serial is None else arguments.serial,
        key=arguments.key,
    )
    if order.serial < 0:
        raise UsageError("--serial is a whole number from 0 on")
    reporter = reporter_for(arguments.progress)
    if target.is_dir():
        written = write_stick(order, target, reporter)
    else:
        _refuse_devices(target)
        # Only here: a directory needs no tools at all.
        from builder.content.stick.image import write_image  # noqa: PLC0415

        enter()
        written = write_image(order, target, ensure_lab(reporter), reporter)
    print(_as_json(written, target) if arguments.json else _as_text(written, target))
    return 0


def stick_key(arguments: Namespace) -> int:
    """Make a key."""
    public = make_key(arguments.file)
    if arguments.json:
        print(json.dumps({"private": str(arguments.file), "public": public}, indent=1))
        return 0
    print(f"{public}\n\nIn the recipe of the devices that shall take its sticks:\n")
    print(f"kolibri:\n  sticks:\n    keys: [{public}]")
    return 0


def _refuse_devices(target: Path) -> None:
    """What overwrites whole disks is `flash`, with everything that keeps it from the wrong one."""
    if target.exists() and stat.S_ISBLK(target.stat().st_mode):
        hint = f"write an image file, and then: satchel flash FILE {target}"
        raise UsageError(f"{target} is a whole device", hint=hint)
    if str(target.absolute()).startswith(("/dev/", "/sys/", "/proc/")):
        raise UsageError(f"there is no device {target}", hint="is the stick plugged in?")


def _as_text(written: Written, target: Path) -> str:
    lines = [
        f"{channel.id}  {channel.name}, version {channel.version}: {channel.resources} resources"
        for channel in written.channels
    ]
    size = format_size(written.bytes)
    lines.append(f"{target}: {written.files} files, {size}, serial {written.serial}, signed by {written.public_key}")
    return "\n".join(lines)


def _as_json(written: Written, target: Path) -> str:
    channels = [
        {"id": each.id, "name": each.name, "version": each.version, "resources": each.resources}
        for each in written.channels
    ]
    facts = {
        "target": str(target),
        "serial": written.serial,
        "public_key": written.public_key,
        "files": written.files,
        "bytes": written.bytes,
        "channels": channels,
    }
    return json.dumps(facts, indent=1, ensure_ascii=False)
