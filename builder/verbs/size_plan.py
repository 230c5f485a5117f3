"""The plan of sizes as people and scripts see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from builder.content.sizes.plan import Portion, TreePortion, totals
from builder.content.sizes.shedding import Shed
from builder.lock.looking import Found
from builder.plan.cards import CARDS
from builder.plan.need import DiskNeed
from builder.plan.sizes import SizedPartition, Sizes
from builder.recipe.problems import as_dicts
from builder.shortages import Shortage, recipe_lines
from builder.sizing import SizePlan
from builder.units import format_size

_NAME_WIDTH = 40


def render(plan: SizePlan, found: Found) -> str:
    """Tables for people."""
    sizes = plan.sizes()
    parts = [
        _content(plan, found),
        _partitions(plan, sizes),
        _cards(plan, sizes),
        _machine(plan.disks(), plan.host.packages_bytes is not None),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def as_dict(plan: SizePlan, found: Found, shortages: Sequence[Shortage]) -> dict[str, object]:
    """Everything for scripts, sizes in bytes."""
    sizes = plan.sizes()
    return {
        "exact": plan.exact,
        "locked": found.lock is not None,
        "unknown": list(plan.unknown),
        "channels": [_channel_facts(portion) for portion in plan.portions],
        "trees": [_tree_facts(tree) for tree in plan.trees],
        "content": asdict(totals(plan.channels, plan.trees)),
        "partitions": [
            {**asdict(partition), "uncertain": partition.uncertain, "over_bytes": partition.over_bytes}
            for partition in sizes.partitions
        ],
        "image_bytes": sizes.image_bytes,
        "card_bytes": sizes.card_bytes,
        "cards": [
            {"name": card.name, "size_bytes": card.size_bytes, "left_bytes": sizes.left_on(card)} for card in CARDS
        ],
        "disks": [
            {**asdict(disk), "least": disk.least, "most": disk.most, "free_bytes": disk.free_bytes}
            for disk in plan.disks()
        ],
        "packages_known": plan.host.packages_bytes is not None,
        "shortages": [_shortage_facts(plan, shortage) for shortage in shortages],
    }


def problems_of(shortages: Sequence[Shortage]) -> list[dict[str, str | int]]:
    """Those that have a place in the recipe, as problems."""
    return as_dicts([shortage.problem for shortage in shortages if shortage.problem])


def _channel_facts(portion: Portion) -> dict[str, object]:
    channel = portion.channel
    return {
        "entry": portion.number,
        "id": channel.id,
        "name": channel.name,
        "version": channel.version,
        "resources": channel.resources,
        "files": len(channel.files),
        "size_bytes": channel.size,
        "languages": list(channel.languages),
        "licences": list(channel.licences),
        "partial": channel.partial,
        "known": portion.known,
    }


def _tree_facts(tree: TreePortion) -> dict[str, object]:
    listing = tree.listing
    return {
        "entry": tree.number,
        "name": tree.name,
        "to": tree.to,
        "files": len(listing.files),
        "size_bytes": listing.size,
    }


def _shortage_facts(plan: SizePlan, shortage: Shortage) -> dict[str, object]:
    advice = shortage.advice
    return {
        "message": shortage.message,
        "over_bytes": shortage.over_bytes,
        "exit_code": shortage.error.exit_code,
        "one_is_enough": [{**_shed_facts(each), "write": recipe_lines(plan, [each])} for each in advice.single],
        "together_enough": {
            "leave_out": [_shed_facts(each) for each in advice.together],
            "write": recipe_lines(plan, advice.together) if advice.together else (),
        },
        "hint": shortage.hint,
    }


def _shed_facts(shed: Shed) -> dict[str, object]:
    return {
        "channel": shed.portion.channel.id,
        "name": shed.portion.channel.name,
        "topics": [{"id": topic.id, "title": topic.title} for topic in shed.topics],
        "frees_bytes": shed.frees,
    }


def _content(plan: SizePlan, found: Found) -> list[str]:
    if not plan.portions and not plan.trees and not plan.unknown:
        return []
    rows: list[tuple[str, ...]] = [("", "version", "resources", "files", "size", "languages", "licences")]
    rows += [_row(portion) for portion in plan.portions]
    rows += [_tree_row(tree) for tree in plan.trees]
    if len(plan.portions) + len(plan.trees) > 1:
        whole = totals(plan.channels, plan.trees)
        numbers = (f"{whole.resources:,}", f"{whole.files:,}", format_size(whole.size_bytes))
        rows.append(("all, each file once", "", *numbers, " ".join(whole.languages), ", ".join(whole.licences)))
    lines = [f"content, {_as_of(found)}:", *(_table(rows, right={1, 2, 3, 4}) if len(rows) > 1 else ())]
    lines += [f"  content[{number}]: not known without asking its sources" for number in plan.unknown]
    return lines


def _as_of(found: Found) -> str:
    if found.lock is not None:
        return f"as locked on {datetime.fromtimestamp(found.lock.date, UTC).date()}"
    return "as it is today; no lock holds it"


def _row(portion: Portion) -> tuple[str, ...]:
    channel = portion.channel
    name = _cut(channel.name)
    return (
        f"{name} (part)" if channel.partial else name,
        str(channel.version),
        f"{channel.resources:,}",
        f"{len(channel.files):,}",
        ("" if portion.known else "about ") + format_size(channel.size),
        " ".join(channel.languages),
        ", ".join(channel.licences),
    )


def _tree_row(tree: TreePortion) -> tuple[str, ...]:
    name = _cut(f"files of {tree.name}")
    return (name, "", "", f"{len(tree.listing.files):,}", format_size(tree.listing.size), "", "")


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 3]}..."


def _partitions(plan: SizePlan, sizes: Sizes) -> list[str]:
    rows = [(each.name, format_size(each.size_bytes), _remark(plan, each)) for each in sizes.partitions]
    rows.append(("the image", format_size(sizes.image_bytes), ""))
    return ["partitions:", *_table(rows, right={1})]


def _remark(plan: SizePlan, partition: SizedPartition) -> str:
    remarks = []
    if partition.uncertain:
        remarks.append("at least: what goes into it is known once it is built")
    elif partition.needed_bytes is not None:
        about = "" if plan.exact else "at least " if plan.unknown else "at most "
        remarks.append(f"the content needs {about}{format_size(partition.needed_bytes)}")
    if partition.over_bytes:
        remarks.append(f"{format_size(partition.over_bytes)} TOO MUCH")
    if partition.grow:
        remarks.append("grows to the end of the card")
    return "; ".join(remarks)


def _cards(plan: SizePlan, sizes: Sizes) -> list[str]:
    grows = next((partition.name for partition in sizes.partitions if partition.grow), None)
    rows = [("sold as", "hold at least", f"left for {grows}" if grows else "left")]
    rows += [(card.name, _decimal(card.size_bytes), _left(sizes.left_on(card))) for card in CARDS]
    over = f": {format_size(sizes.over_bytes)} TOO MUCH" if sizes.over_bytes else ""
    less = "; less with what is not known" if plan.unknown else ""
    return [
        f"cards (the recipe wants to fit on {_decimal(sizes.card_bytes)}{over}{less}):",
        *_table(rows, right={0, 1, 2}),
    ]


def _left(left_bytes: int) -> str:
    return format_size(left_bytes) if left_bytes >= 0 else "too small"


def _decimal(size_bytes: int) -> str:
    """As sizes are printed on cards."""
    return f"{size_bytes / 10**9:.1f} GB"


def _machine(disks: Sequence[DiskNeed], packages_known: bool) -> list[str]:
    lines = ["what building needs here:"]
    for disk in disks:
        for store in disk.stores:
            lines.append(f"  {store.directory}")
            lines += _table(
                [(f"  {amount.what}", _between(amount.least, amount.most)) for amount in store.amounts], right={1}
            )
        lines.append(
            f"  in all {_between(disk.least, disk.most)}, {format_size(disk.free_bytes)} free: {_verdict(disk)}"
        )
    if not packages_known:
        lines.append("  besides packages, which are not known before `satchel lock` or a build")
    return lines


def _between(least: int, most: int) -> str:
    if least == most:
        return format_size(least)
    return f"at most {format_size(most)}" if not least else f"{format_size(least)} to {format_size(most)}"


def _verdict(disk: DiskNeed) -> str:
    if disk.over_bytes:
        return f"{format_size(disk.over_bytes)} TOO LITTLE"
    return "enough" if disk.most <= disk.free_bytes else "may be too little"


def _table(rows: Sequence[tuple[str, ...]], *, right: set[int]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"  {'  '.join(cells)}".rstrip()
