"""Rules that concern several keys of a recipe at once. Pure.

Each rule names the sections that it reads and yields findings at keys; `RULES` is the whole list. Rules about the disk
and about containers have files of their own. What needs the file system is in `sources`; what needs packages, images
or content to be known is found by lock and plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from builder.recipe.disk import DataClass
from builder.recipe.finding import Finding, Rule, misplaced, mounted, repeated
from builder.recipe.model import Recipe
from builder.recipe.params import value_of
from builder.recipe.problems import suggest
from builder.recipe.semantics_access_point import ACCESS_POINT_RULES
from builder.recipe.semantics_backup import BACKUP_RULES
from builder.recipe.semantics_containers import CONTAINER_RULES
from builder.recipe.semantics_database import DATABASE_RULES
from builder.recipe.semantics_disk import DISK_RULES
from builder.recipe.semantics_network import NETWORK_RULES
from builder.recipe.semantics_outputs import OUTPUT_RULES
from builder.recipe.semantics_processor import PROCESSOR_RULES
from builder.recipe.semantics_secrets import SECRET_RULES
from builder.recipe.tree import Keys

OWN_DISK = "own-disk"
"""The overlay that carries out `disk.own_ids`."""
CONTENT_STICK = "content-stick"
"""The overlay that takes content sticks."""


def findings(recipe: Recipe, *, without: Collection[str] = ()) -> Iterator[Finding]:
    """All findings of the rules that read none of the sections in `without`."""
    others = (*DISK_RULES, *CONTAINER_RULES, *SECRET_RULES, *NETWORK_RULES, *DATABASE_RULES, *BACKUP_RULES)
    for sections, rule in (*RULES, *others, *ACCESS_POINT_RULES, *OUTPUT_RULES, *PROCESSOR_RULES):
        if not set(sections) & set(without):
            yield from rule(recipe)


def _named_twice(recipe: Recipe) -> Iterator[Finding]:
    yield from repeated(((("users", i, "name"), user.name) for i, user in enumerate(recipe.users)), "user")


def _overlay_twice(recipe: Recipe) -> Iterator[Finding]:
    named = ((("overlays", i, "name"), overlay.name) for i, overlay in enumerate(recipe.overlays))
    yield from repeated(named, "overlay")


def _check_twice(recipe: Recipe) -> Iterator[Finding]:
    yield from repeated(((("checks", i, "name"), check.name) for i, check in enumerate(recipe.checks)), "check")


def _environment_twice(recipe: Recipe) -> Iterator[Finding]:
    venvs = ((("packages", "pip", i, "venv"), app.venv) for i, app in enumerate(recipe.packages.pip))
    yield from repeated(venvs, "virtual environment")


def _parameter_defaults(recipe: Recipe) -> Iterator[Finding]:
    for name, parameter in recipe.params.items():
        if parameter.type == "choice" and not parameter.choices:
            yield Finding(("params", name), "a choice needs `choices`")
        elif parameter.type != "choice" and parameter.choices:
            yield Finding(("params", name, "choices"), f"only a choice has `choices`; this is a {parameter.type}")
        else:
            try:
                value_of(parameter, parameter.default)
            except ValueError as error:
                yield Finding(("params", name, "default"), str(error))


def _system_users(recipe: Recipe) -> Iterator[Finding]:
    for i, user in enumerate(recipe.users):
        if user.system and user.console_password:
            hint = "remove it, or remove `system: true`"
            yield Finding(("users", i, "console_password"), "a service account cannot log in on the console", hint)


def _enabled_and_masked(recipe: Recipe) -> Iterator[Finding]:
    for i, unit in enumerate(recipe.units.mask):
        if unit in recipe.units.enable:
            hint = "a masked unit never starts; keep one of the two"
            yield Finding(("units", "mask", i), f"{unit} is both enabled and masked", hint)


def _masked_and_checked(recipe: Recipe) -> Iterator[Finding]:
    for i, check in enumerate(recipe.checks):
        if check.unit in recipe.units.mask:
            yield Finding(("checks", i, "unit"), f"{check.unit} is masked, so it can never be active")


def _kolibri_environment(recipe: Recipe) -> Iterator[Finding]:
    venvs = [app.venv for app in recipe.packages.pip]
    if recipe.kolibri and recipe.kolibri.venv not in venvs:
        hint = suggest(recipe.kolibri.venv, venvs, of="the environments are") or "add one under `packages.pip`"
        message = f"{recipe.kolibri.venv} is no virtual environment of `packages.pip`"
        yield Finding(("kolibri", "venv"), message, hint)


def _kolibri_user(recipe: Recipe) -> Iterator[Finding]:
    names = [user.name for user in recipe.users]
    if recipe.kolibri and recipe.kolibri.user not in names:
        hint = suggest(recipe.kolibri.user, names, of="the users are") or "add it under `users`, with `system: true`"
        yield Finding(("kolibri", "user"), f'there is no user "{recipe.kolibri.user}"', hint)


def _kolibri_places(recipe: Recipe) -> Iterator[Finding]:
    if not recipe.kolibri:
        return
    for key, path, wanted in (
        ("home", recipe.kolibri.home, DataClass.VALUABLE),
        ("content", recipe.kolibri.content, DataClass.CONTENT),
    ):
        yield from misplaced(recipe, ("kolibri", key), path, wanted)


def _kolibri_ports(recipe: Recipe) -> Iterator[Finding]:
    if recipe.kolibri and recipe.kolibri.port == recipe.kolibri.zip_port:
        message = f"`port` and `zip_port` are both {recipe.kolibri.port}; Kolibri needs two"
        yield Finding(("kolibri", "zip_port"), message)


def _channels(recipe: Recipe) -> Iterator[Finding]:
    for i, source in enumerate(recipe.content):
        asked = source.channels
        if asked is None:
            continue
        for key in ("include", "exclude"):
            if getattr(asked, key) and len(asked.ids) != 1:
                message = f"`{key}` names nodes of one channel, but {len(asked.ids) or 'any number of'} are taken here"
                yield Finding(("content", i, "channels", key), message, "give each channel an entry of its own")
        if not asked.ids and asked.sources[0].server:
            message = "a server may have hundreds of channels; name those that you want"
            yield Finding(("content", i, "channels"), message, "`satchel content list URL` shows what is there")


def _files_places(recipe: Recipe) -> Iterator[Finding]:
    for i, source in enumerate(recipe.content):
        if source.files:
            yield from misplaced(recipe, ("content", i, "files", "to"), source.files.to, DataClass.CONTENT)


def _files_apart(recipe: Recipe) -> Iterator[Finding]:
    taken = [(recipe.kolibri.content, "the content of Kolibri")] if recipe.kolibri else []
    for i, source in enumerate(recipe.content):
        if source.files is None:
            continue
        keys: Keys = ("content", i, "files", "to")
        to = source.files.to
        other = next((each for each in taken if _holds(each[0], to) or _holds(to, each[0])), None)
        if other:
            message = f"{to} and {other[0]}, {other[1]}, lie in one another"
            yield Finding(keys, message, "give each a directory of its own")
        for mount in mounted(recipe):
            if mount.path != to and _holds(to, mount.path):
                yield Finding(keys, f"{mount.path} is mounted inside {to} and would hide files", "choose another place")
        taken.append((to, f"the files of content[{i}]"))


def _holds(directory: str, path: str) -> bool:
    return f"{path}/".startswith(f"{directory.rstrip('/')}/")


def _sticks_without_overlay(recipe: Recipe) -> Iterator[Finding]:
    if not (recipe.kolibri and recipe.kolibri.sticks.keys):
        return
    if CONTENT_STICK not in {overlay.name for overlay in recipe.overlays}:
        message = f"without the overlay {CONTENT_STICK}, nothing on the device takes sticks"
        hint = f"add `name: {CONTENT_STICK}` to `overlays`, with the ownership that lib/kolibri.yml gives it"
        yield Finding(("kolibri", "sticks", "keys"), message, hint)


def _content_without_kolibri(recipe: Recipe) -> Iterator[Finding]:
    for i, source in enumerate(recipe.content):
        if not recipe.kolibri and not source.files:
            hint = "add `kolibri:`, or take it away; plain `files` need none"
            yield Finding(("content", i), "there is content, but no Kolibri to show it", hint)
            return


def _facility_with_kolibri(recipe: Recipe) -> Iterator[Finding]:
    if recipe.firstboot.facility and not recipe.kolibri:
        hint = "add `kolibri:`, or take `facility:` away"
        yield Finding(("firstboot", "facility"), "there is a facility, but no Kolibri to hold it", hint)
    if recipe.kolibri and not recipe.firstboot.facility:
        message = "Kolibri would start without a facility, and whoever opens it first would own it"
        yield Finding(("firstboot",), message, "add `facility:` with at least a name")


def _hostname_differs(recipe: Recipe) -> Iterator[Finding]:
    if "{code}" not in recipe.firstboot.hostname:
        message = "every device would have the same host name"
        yield Finding(("firstboot", "hostname"), message, f'for example "{recipe.firstboot.hostname}-{{code}}"')


def _own_ids(recipe: Recipe) -> Iterator[Finding]:
    brought = [i for i, overlay in enumerate(recipe.overlays) if overlay.name == OWN_DISK]
    if recipe.disk.own_ids and not brought:
        message = f"without the overlay {OWN_DISK}, nothing on the device gives its disk ids of its own"
        hint = f"add `name: {OWN_DISK}` to `overlays`, with the ownership that lib/debian.yml gives it"
        yield Finding(("disk", "own_ids"), message, hint)
    if not recipe.disk.own_ids:
        for i in brought:
            message = f"the overlay {OWN_DISK} does nothing as long as `disk.own_ids` is false"
            yield Finding(("overlays", i, "name"), message, "write `own_ids: true` under `disk`, or take it away")


RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("params",), _parameter_defaults),
    (("users",), _named_twice),
    (("users",), _system_users),
    (("overlays",), _overlay_twice),
    (("checks",), _check_twice),
    (("packages",), _environment_twice),
    (("units",), _enabled_and_masked),
    (("units", "checks"), _masked_and_checked),
    (("kolibri", "packages"), _kolibri_environment),
    (("kolibri", "users"), _kolibri_user),
    (("kolibri", "disk"), _kolibri_places),
    (("kolibri",), _kolibri_ports),
    (("kolibri", "overlays"), _sticks_without_overlay),
    (("kolibri", "content"), _content_without_kolibri),
    (("content", "disk"), _files_places),
    (("kolibri", "content", "disk"), _files_apart),
    (("content",), _channels),
    (("kolibri", "firstboot"), _facility_with_kolibri),
    (("firstboot",), _hostname_differs),
    (("disk", "overlays"), _own_ids),
)
"""Every rule that is not about the disk alone, with the sections that it reads."""
