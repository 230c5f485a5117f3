"""From the finished tree to a finished directory: the image, its manifest, everything beside it, and the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from builder import __version__
from builder.audit.described import declared_facts
from builder.audit.engine import audit_tree
from builder.audit.facts import this_host
from builder.audit.telling import notes, require_clean
from builder.audit.verdict import Verdict, judge
from builder.contents import channels_of, packages_of
from builder.disk.assemble import Pieces
from builder.disk.image import DESCRIPTOR
from builder.growth import Growth
from builder.host.places import cache_directory
from builder.host.tools import Tools
from builder.identity.reserved import reserved_files
from builder.imaging import Imaging
from builder.lock.model import Lock
from builder.lock.text import lock_digest
from builder.manifest import ON_ESP, DiskRecord, Manifest, PartitionRecord, SeedPlace, WaivedRecord, portable
from builder.plan.layout import Layout
from builder.progress import Recorder
from builder.publication import Summed, for_clouds, publish_image, sum_parts, sum_whole, write_durably
from builder.recipe.load import Loaded
from builder.report.facts import REPORT, ReportFacts, Share, Timing
from builder.report.page import render as render_report
from builder.report.sizes import shares_of
from builder.report.usage import usage_of
from builder.together import together


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """All that a finished tree needs on its way to an image. Everything happens inside the namespace."""

    loaded: Loaded
    lock: Lock
    growth: Growth
    tree: Path
    tools: Tools
    reporter: Recorder

    def make(self, directory: Path, *, key: str, split: bool) -> Manifest:
        """Make everything in an empty directory, and return the manifest.

        Raises:
            SatchelError: something does not fit, or the tree holds what must not be in an image.
        """
        recipe, reporter, tree = self.loaded.recipe, self.reporter, self.tree
        imaging = Imaging(
            recipe=recipe,
            growth=self.growth,
            tree=tree,
            tools=self.tools,
            scratch=directory,
            epoch=self.lock.date,
            reporter=reporter,
            reserved=reserved_files(recipe),
        )
        layout = imaging.layout()
        manifest = Manifest(
            satchel=__version__,
            recipe=portable(recipe),
            params=dict(self.loaded.params),
            lock=lock_digest(self.lock),
            date=self.lock.date,
            packages=packages_of(tree, recipe),
            disk=_disk_record(self.loaded, layout),
            seed=_seed_place(imaging, layout),
            boot=recipe.disk.boot,
            checks=recipe.checks,
            content=channels_of(tree, recipe),
        )

        verdicts: list[Verdict] = []

        def audited() -> None:
            verdicts.append(self._audit())

        shares: list[Share] = []

        def counted() -> None:
            shares.extend(shares_of(self._layers(), manifest))

        # The file systems first: the largest of them takes longest, and looking at the tree needs only one processor.
        # No partition has a name with a space.
        jobs = imaging.jobs(layout, on_esp={ON_ESP: manifest.to_json().encode()})
        done = together({**jobs, "the audit": audited, "the sizes": counted})
        pieces = imaging.pieces(layout, {name: piece for name, piece in done.items() if piece is not None})
        summed = self._summed(imaging, layout, pieces, directory, split=split)
        imaging.clean()
        known_late = {"key": key, "waived": _waived(verdicts[0])}
        finished = publish_image(directory, summed, manifest.model_copy(update=known_late), self.lock)
        self._write_report(directory, finished, shares)
        return finished

    def _audit(self) -> Verdict:
        """The gate: nothing may be in the image that the audit finds, unless the recipe says why."""
        recipe = self.loaded.recipe
        with self.reporter.step("audit", detail="nothing that only one machine may have"):
            seen = audit_tree(self.tree, declared_facts(recipe, this_host(cache_directory())))
            verdict = judge("the image", seen, recipe.audit.waivers)
            require_clean(verdict)
        for note in notes(verdict):
            self.reporter.note(note)
        return verdict

    def _summed(self, imaging: Imaging, layout: Layout, pieces: Pieces, directory: Path, *, split: bool) -> Summed:
        recipe = self.loaded.recipe
        if split:
            if left_out := recipe.outputs.forms:
                self.reporter.note(f"an image in parts has no {', no '.join(left_out)}")
            image = directory / f"{recipe.name}{DESCRIPTOR}"
            parts = imaging.split(layout, pieces, image)
            return sum_parts(image, parts, recipe=recipe.name, reporter=self.reporter)
        image = directory / f"{recipe.name}.img"
        mapped = imaging.whole(layout, pieces, image)
        summed = sum_whole(image, mapped, recipe.outputs, date=self.lock.date, reporter=self.reporter)
        others = for_clouds(image, recipe, tools=self.tools, reporter=self.reporter)
        return replace(summed, digests={**summed.digests, **others})

    def _layers(self) -> list[tuple[str, Path]]:
        return [(layer.name, tree) for layer, tree in self.growth.trees()]

    def _write_report(self, directory: Path, manifest: Manifest, shares: Sequence[Share]) -> None:
        """The page for people. It tells of this build on this machine, so nothing that can be made again names it."""
        facts = ReportFacts(
            manifest=manifest,
            lock=self.lock,
            timings=tuple(self._timings()),
            shares=tuple(shares),
            usage=usage_of(directory / manifest.image, manifest.disk),
        )
        write_durably(directory / REPORT, render_report(facts))

    def _timings(self) -> Iterator[Timing]:
        for layer in self.growth.planned:
            if layer.reused:
                yield Timing(name=layer.name, start_s=0, end_s=0, verdict="reused", reason=layer.reason)
        for step in self.reporter.steps:
            yield Timing(name=step.name, start_s=step.start_s, end_s=step.end_s, verdict="made", reason=step.detail)


def _seed_place(imaging: Imaging, layout: Layout) -> SeedPlace | None:
    """The seed is the first of the reserved files."""
    if not imaging.reserved:
        return None
    size = len(next(iter(imaging.reserved.values())))
    return SeedPlace(offset_bytes=imaging.reserved_at(layout), size_bytes=size)


def _waived(verdict: Verdict) -> tuple[WaivedRecord, ...]:
    return tuple(
        WaivedRecord(rule=each.finding.rule, path=each.finding.path, what=each.finding.what, reason=each.reason)
        for each in verdict.waived
    )


def _disk_record(loaded: Loaded, layout: Layout) -> DiskRecord:
    described = {partition.name: partition for partition in loaded.recipe.disk.partitions}
    return DiskRecord(
        table=loaded.recipe.disk.table,
        guid=str(layout.disk_guid),
        size_bytes=layout.size_bytes,
        partitions=tuple(
            PartitionRecord(
                number=placed.number,
                name=placed.name,
                type=placed.type,
                guid=str(placed.guid),
                start_bytes=placed.start_bytes,
                size_bytes=placed.size_bytes,
                filesystem=placed.filesystem,
                filesystem_uuid=placed.filesystem_uuid,
                label=placed.label,
                mount=placed.mount,
                options=described[placed.name].options,
                data=placed.data,
                grow=placed.grow,
                subvolumes=described[placed.name].subvolumes,
            )
            for placed in layout.partitions
        ),
    )
