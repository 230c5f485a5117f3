"""From a recipe to its lock: each section is resolved again only if it asks for something else or shall be upgraded."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from builder.errors import ArtifactError, CommandFailed, HostError, PlanError, RecipeError, SatchelError
from builder.host.places import RECIPES
from builder.host.pool import Pool
from builder.host.tools import ARCHITECTURE, SUITE, apt_mirror
from builder.lock.apt import FOR_TOOLS, MINIMAL, UnknownPackages, Upgrade, resolve_debs
from builder.lock.archive import Archive, Origin, archive, origin_of
from builder.lock.content import contents, resolve_channels
from builder.lock.images import ResolvedImage, resolve_images
from builder.lock.inputs import inputs_of, tool_packages
from builder.lock.memory import remembered_locks
from builder.lock.model import Deb, ImageDeb, ImageWheel, Lock, LockedChannel, LockedTree, Wheel
from builder.lock.pip import NoWheel, resolve_wheels
from builder.lock.text import read_lock
from builder.lock.trees import resolve_trees
from builder.progress import Reporter
from builder.recipe.containers import ContainerImage
from builder.recipe.load import Loaded
from builder.recipe.problems import reading_order
from builder.recipe.software import Architecture, PipApplication
from builder.recipe.tree import Keys

_Opened = Callable[[Origin], Archive]


def resolve(loaded: Loaded, *, earlier: Lock | None, upgrade: Upgrade, reporter: Reporter) -> Lock:
    """What the recipe means: the earlier lock itself if that says everything, else a new one that changes little of it.

    Must run inside the namespace. Wheels, databases of channels and listings of trees are in the pool afterwards;
    Debian packages are only looked up.

    Raises:
        RecipeError: the archive has no package of that name.
        PlanError: the packages do not go together, no source holds a channel, or a tree cannot be taken.
        HostError: an archive or index cannot be reached.
    """
    inputs = inputs_of(loaded)
    with _archives(reporter) as opened:
        resolution = _Resolution(
            loaded=loaded, inputs=inputs, earlier=earlier, upgrade=upgrade, opened=opened, reporter=reporter
        )
        tools = resolution.tools()
        base, apt = resolution.system()
        wheels = tuple(resolution.wheels())
        tool_wheels = tuple(resolution.tool_wheels(wheels))
        trees = tuple(resolution.trees())
        channels = tuple(resolution.channels())
        images = tuple(resolution.images())
        image_debs = tuple(resolution.image_debs())
        image_wheels = tuple(resolution.image_wheels())
    lock = Lock(
        recipe=loaded.recipe.name,
        date=earlier.date if earlier else 0,
        inputs=inputs,
        tools=tools,
        base=base,
        apt=apt,
        wheels=wheels,
        tool_wheels=tool_wheels,
        content=contents(loaded),
        channels=channels,
        trees=trees,
        images=tuple(each.image for each in images),
        blobs=tuple(blob for each in images for blob in each.blobs),
        image_debs=image_debs,
        image_wheels=image_wheels,
    )
    # A lock that follows another keeps its date, for a new date makes every layer anew.
    return lock if earlier and not upgrade.everything else lock.model_copy(update={"date": _date(earlier)})


def origins_of(loaded: Loaded) -> tuple[Origin, ...]:
    """The archives of a recipe: its own, and the one of the tools if that is another."""
    return tuple(dict.fromkeys((origin_of(loaded.recipe.base), _tools_origin(loaded))))


def _tools_origin(loaded: Loaded) -> Origin:
    system = origin_of(loaded.recipe.base)
    tools = Origin(suite=SUITE, components=("main",), architecture=ARCHITECTURE, mirror=apt_mirror())
    same = _archive_of(system) == _archive_of(tools) and "main" in system.components
    # Packages of main need only main, so lists with more serve as well; an older release has other essential packages.
    return system.alone() if same else tools


def _archive_of(origin: Origin) -> tuple[object, ...]:
    return origin.suite, origin.architecture, origin.mirror


def _date(earlier: Lock | None) -> int:
    """Now, or what the caller says is now (reproducible-builds.org); never before the lock that it follows."""
    chosen = os.environ.get("SOURCE_DATE_EPOCH")
    if chosen and not chosen.isdecimal():
        raise HostError(f"SOURCE_DATE_EPOCH is {chosen}, which is no number of seconds", hint="unset it")
    return max(int(chosen or time.time()), earlier.date if earlier else 0)


@contextmanager
def _archives(reporter: Reporter) -> Iterator[_Opened]:
    """A function that opens an archive and reads its lists when it is asked for the first time."""
    with ExitStack() as stack:
        known: dict[Origin, Archive] = {}

        def opened(origin: Origin) -> Archive:
            if origin not in known:
                with reporter.step("package lists"):
                    there = stack.enter_context(archive(origin))
                    there.update()
                known[origin] = there
            return known[origin]

        yield opened


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resolution:
    loaded: Loaded
    inputs: dict[str, str]
    earlier: Lock | None
    upgrade: Upgrade
    opened: _Opened
    reporter: Reporter

    def tools(self) -> tuple[Deb, ...]:
        wanted = self.inputs["tools"]
        known = self.earlier or _with_same_tools(wanted)
        locked = known.tools if known else ()
        if known and known.inputs.get("tools") == wanted and not self.upgrade.concerns(locked):
            return locked
        there = self.opened(_tools_origin(self.loaded))
        packages = tool_packages(self.loaded.recipe)
        with self.reporter.step("resolve tools", detail=f"{len(packages)} packages by name"):
            kept = self.upgrade.kept(locked)
            return resolve_debs(there, (*FOR_TOOLS, *packages), locked=kept, reporter=self.reporter)

    def system(self) -> tuple[tuple[Deb, ...], tuple[Deb, ...]]:
        """The minimal Debian, and what the recipe's packages add to it."""
        earlier = self.earlier
        locked = (*earlier.base, *earlier.apt) if earlier else ()
        if earlier and self._as_before("base") and self._as_before("apt") and not self.upgrade.concerns(locked):
            return earlier.base, earlier.apt
        base, apt = self._resolved(self.loaded.recipe.packages.apt, locked, ("packages", "apt"))
        self._require_backports({deb.name for deb in (*base, *apt)})
        return base, apt

    def _require_backports(self, found: Set[str]) -> None:
        backports = self.loaded.recipe.base.backports
        problems = [
            self.loaded.problem(
                ("base", "backports", number),
                f"no package of the recipe needs {name}",
                hint="name it in packages.apt, or take it away here",
            )
            for number, name in enumerate(backports)
            if name not in found
        ]
        if problems:
            raise RecipeError(reading_order(problems, self.loaded.source))

    def _resolved(
        self, packages: Sequence[str], locked: Sequence[Deb], keys: Keys
    ) -> tuple[tuple[Deb, ...], tuple[Deb, ...]]:
        origin = origin_of(self.loaded.recipe.base)
        there, of_suite = self.opened(origin), self.opened(origin.alone())
        kept = self.upgrade.kept(locked)
        if not self._as_before("base"):
            kept = tuple(deb for deb in kept if deb.name not in origin.backports)
        try:
            with self.reporter.step("resolve packages", detail=f"{len(packages)} by name"):
                minimal = {deb.name for deb in resolve_debs(of_suite, MINIMAL, locked=kept, reporter=self.reporter)}
                # In one transaction, because the packages of the recipe may ask more of the minimal ones.
                whole = resolve_debs(there, (*sorted(minimal), *packages), locked=kept, reporter=self.reporter)
        except UnknownPackages as error:
            raise _unknown(self.loaded, error, packages, keys) from error
        except CommandFailed as error:
            raise PlanError("the packages of the recipe cannot be installed together", details=error.tail) from error
        base = tuple(deb for deb in whole if deb.name in minimal)
        return base, tuple(deb for deb in whole if deb.name not in minimal)

    def image_debs(self) -> Iterator[ImageDeb]:
        """The Debian packages of the images that are built here."""
        for number, image in self._built():
            earlier = self.earlier
            locked = tuple(deb for deb in earlier.image_debs if deb.image == image.name) if earlier else ()
            same = self._as_before("base") and self._as_before(f"image {image.name}")
            if locked and same and not self.upgrade.concerns(locked):
                yield from locked
                continue
            # Without a lock of its own, an image has the versions of the system: both come from the same day.
            near: Sequence[Deb] = locked or ((*earlier.base, *earlier.apt) if earlier else ())
            assert image.build is not None
            keys = ("containers", "images", number, "build", "packages", "apt")
            for minimal, debs in zip((True, False), self._resolved(image.build.packages.apt, near, keys), strict=True):
                for deb in debs:
                    yield ImageDeb(**dict(deb), image=image.name, minimal=minimal)

    def wheels(self) -> Iterator[Wheel]:
        for number, application in enumerate(self.loaded.recipe.packages.pip):
            section = f"pip {application.venv}"
            if self.earlier and self._as_before(section):
                yield from (wheel for wheel in self.earlier.wheels if wheel.venv == application.venv)
            else:
                yield from self._wheels(application, ("packages", "pip", number))

    def tool_wheels(self, wheels: Sequence[Wheel]) -> Iterator[Wheel]:
        """What Kolibri needs to run on this machine, besides those of the device's wheels that run anywhere."""
        recipe = self.loaded.recipe
        if recipe.base.architecture == ARCHITECTURE or not recipe.kolibri:
            return
        for number, application in enumerate(recipe.packages.pip):
            if application.venv != recipe.kolibri.venv:
                continue
            if self.earlier and self._as_before(f"pip {application.venv}"):
                yield from self.earlier.tool_wheels
            else:
                own = {wheel.file for wheel in wheels if wheel.venv == application.venv}
                here = self._wheels(application, ("packages", "pip", number), Architecture(ARCHITECTURE))
                yield from (wheel for wheel in here if wheel.file not in own)

    def image_wheels(self) -> Iterator[ImageWheel]:
        """The Python packages of the images that are built here."""
        for place, image in self._built():
            assert image.build is not None
            if self.earlier and self._as_before(f"image {image.name}"):
                yield from (wheel for wheel in self.earlier.image_wheels if wheel.image == image.name)
                continue
            for number, application in enumerate(image.build.packages.pip):
                keys = ("containers", "images", place, "build", "packages", "pip", number)
                for wheel in self._wheels(application, keys):
                    yield ImageWheel(**dict(wheel), image=image.name)

    def _wheels(
        self, application: PipApplication, keys: Keys, architecture: Architecture | None = None
    ) -> tuple[Wheel, ...]:
        """The wheels of an application, for the device unless another processor is named."""
        architecture = architecture or self.loaded.recipe.base.architecture
        requirements = self.loaded.path(application.requirements)
        try:
            with self.reporter.step(f"resolve {application.venv}", detail=f"for {architecture}"):
                return resolve_wheels(application.venv, requirements, architecture, pool=Pool(), reporter=self.reporter)
        except NoWheel as error:
            hint = f"pin a version in {application.requirements} that has one"
            raise RecipeError([self.loaded.problem((*keys, "requirements"), error.message, hint=hint)]) from error

    def _built(self) -> Iterator[tuple[int, ContainerImage]]:
        containers = self.loaded.recipe.containers
        for number, image in enumerate(containers.images if containers else ()):
            if image.build:
                yield number, image

    def channels(self) -> Iterator[LockedChannel]:
        yield from resolve_channels(
            self.loaded,
            earlier=self.earlier,
            as_before=lambda number: self._as_before(f"content {number}"),
            upgrade=self.upgrade,
            pool=Pool(),
            reporter=self.reporter,
        )

    def trees(self) -> Iterator[LockedTree]:
        yield from resolve_trees(
            self.loaded,
            earlier=self.earlier,
            as_before=lambda number: self._as_before(f"content {number}"),
            upgrade=self.upgrade,
            pool=Pool(),
            reporter=self.reporter,
        )

    def images(self) -> Iterator[ResolvedImage]:
        yield from resolve_images(
            self.loaded,
            earlier=self.earlier,
            as_before=lambda name: self._as_before(f"image {name}"),
            upgrade=self.upgrade,
            pool=Pool(),
            reporter=self.reporter,
        )

    def _as_before(self, section: str) -> bool:
        return self.earlier is not None and self.earlier.inputs.get(section) == self.inputs[section]


def _with_same_tools(wanted: str) -> Lock | None:
    """A lock whose tools serve as well: recipes that share a workshop share what was made with it."""
    for path in sorted(RECIPES.glob("*.lock")):
        try:
            lock = read_lock(path)
        except ArtifactError:
            # Whoever needs that lock will hear of it.
            continue
        if lock and lock.inputs.get("tools") == wanted:
            return lock
    return next((lock for lock in remembered_locks() if lock.inputs.get("tools") == wanted), None)


def _unknown(loaded: Loaded, error: UnknownPackages, packages: Sequence[str], keys: Keys) -> SatchelError:
    base = loaded.recipe.base
    suites = " or ".join((base.suite, *origin_of(base).others()))
    where = f"Debian {suites} ({', '.join(base.components)}) for {base.architecture}"
    problems = [
        loaded.problem((*keys, number), f"{where} has no package {name}", hint=_meant(error.names[name]))
        for number, name in enumerate(packages)
        if name in error.names
    ]
    return RecipeError(reading_order(problems, loaded.source)) if problems else error


def _meant(near: str | None) -> str:
    return f'did you mean "{near}"?' if near else ""
