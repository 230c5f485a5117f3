"""The verb that looks for what must never be inside an image."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from builder.artifact import find_image, read_embedded_manifest
from builder.audit.described import board_firmware, declared_facts, image_partitions
from builder.audit.discover import discover, refuse_packed
from builder.audit.engine import Seen
from builder.audit.facts import Facts, this_host
from builder.audit.finding import Severity
from builder.audit.image import Auditor, audit_directory, with_the_rest
from builder.audit.rules import RULES
from builder.audit.secrets import SHORTEST
from builder.audit.telling import require_clean, rules_to_json, rules_to_text, to_json, to_text
from builder.audit.verdict import Verdict, judge
from builder.disk.read import Table, read_table
from builder.errors import ArtifactError, UsageError
from builder.host.namespace import enter
from builder.host.places import cache_directory
from builder.host.tools import Tools, ensure_lab
from builder.manifest import MANIFEST, Manifest
from builder.options import Verbs
from builder.progress import reporter_for
from builder.recipe.problems import UnknownWord
from builder.verbs.common import DIST


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    verb = family.add(
        "audit",
        audit,
        "look for what must never be inside an image: shared secrets and identities, traces of people and of the build",
        "audit kolibri-pc",
        "audit raspios.img --fail-on serious",
        "audit /media/card/rootfs --json",
        "audit school.img --secrets names-of-learners.txt",
        "audit --list",
    )
    verb.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help="an image of anybody (raw, with or without partitions), a directory with a mounted or unpacked system, or "
        "the name of a recipe for its image in dist/",
    )
    verb.add_argument("--list", action="store_true", help="list all rules, how bad a finding of each is, and why")
    verb.add_argument("--rule", metavar="NAME", action="append", default=[], help="apply this rule only (repeatable)")
    verb.add_argument(
        "--fail-on",
        choices=[str(severity) for severity in Severity],
        default=str(Severity.MINOR),
        help="fail only on findings as bad as this (minor: on all)",
    )
    verb.add_argument(
        "--secret",
        metavar="TEXT",
        action="append",
        default=[],
        help="a text that must not occur in any file, as UTF-8, UTF-16 or base64, gzip unpacked (repeatable)",
    )
    verb.add_argument("--secrets", metavar="FILE", help="a file with such texts, one on each line")
    verb.add_argument(
        "--ignore-waivers", action="store_true", help="take no notice of the waivers in the image's recipe"
    )
    verb.shows_progress()
    verb.speaks_json()


def audit(arguments: Namespace) -> int:
    """Look for what must never be inside an image."""
    _check_rules(arguments)
    if arguments.list:
        print(rules_to_json(RULES) if arguments.json else rules_to_text(RULES))
        return 0
    if not arguments.target:
        raise UsageError("give an image, a directory or a recipe's name", hint="satchel audit --help")
    secrets = _secrets(arguments)
    directory = _directory(arguments.target)
    if directory is not None:
        seen, looked = audit_directory(directory, Facts(secrets=secrets), only=arguments.rule)
        verdict = judge(arguments.target, seen, looked_at=looked)
    else:
        verdict = _audit_image(arguments, secrets)
    threshold = Severity(arguments.fail_on)
    print(to_json(verdict, threshold) if arguments.json else to_text(verdict))
    require_clean(verdict, threshold, told=True)
    return 0


def _audit_image(arguments: Namespace, secrets: tuple[str, ...]) -> Verdict:
    if Path(arguments.target).is_block_device():
        hint = "mount it and audit the directory, or copy it to a file and audit that"
        raise ArtifactError(f"{arguments.target} is a device, not an image", hint=hint)
    image = find_image(arguments.target, dist=DIST).absolute()
    refuse_packed(image)
    table = _table(image)
    found = discover(image)
    reporter = reporter_for(arguments.progress)
    enter()
    tools = ensure_lab(reporter)
    manifest = _manifest(tools, image, table)
    if manifest is None:
        auditor = Auditor(tools=tools, facts=Facts(secrets=secrets), reporter=reporter, only=arguments.rule)
        seen, looked = auditor.anybodys(image, found)
        return judge(str(image), seen, looked_at=looked)
    assert table is not None
    declared = declared_facts(manifest.recipe, this_host(cache_directory()), secrets=secrets)
    facts = replace(declared, board_firmware=board_firmware(manifest.recipe.disk))
    auditor = Auditor(tools=tools, facts=facts, reporter=reporter, only=arguments.rule)
    described = image_partitions(manifest.recipe.disk, table.partitions)
    partitions, looked = with_the_rest(described, found)
    seen = auditor.described(image, partitions) + Seen(not_looked=found.not_looked)
    waivers = () if arguments.ignore_waivers else manifest.recipe.audit.waivers
    return judge(str(image), seen, waivers, looked_at=looked)


def _check_rules(arguments: Namespace) -> None:
    names = [rule.name for rule in RULES]
    for name in arguments.rule:
        if name not in names:
            raise UnknownWord(f'there is no rule "{name}"', name, names)


def _secrets(arguments: Namespace) -> tuple[str, ...]:
    texts = list(arguments.secret)
    if arguments.secrets:
        try:
            lines = Path(arguments.secrets).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{arguments.secrets} cannot be read: {error}") from error
        texts += [line.strip() for line in lines if line.strip()]
    for number, text in enumerate(texts, start=1):
        if not text.isprintable():
            raise UsageError(f"secret {number} is not printable text in UTF-8")
        if len(text) < SHORTEST:
            raise UsageError(
                f"secret {number} has only {len(text)} characters",
                hint=f"at least {SHORTEST} are needed; shorter ones occur in files by chance",
            )
    return tuple(texts)


def _directory(target: str) -> Path | None:
    """The directory that a person means; none when an image is meant.

    Raises:
        ArtifactError: it is a directory of finished images.
    """
    path = Path(target)
    if not path.is_dir() or any((DIST / target).glob(f"{path.name}.*")):
        return None
    images = sorted((*path.glob("*.img"), *path.glob("*.vmdk"))) if (path / MANIFEST).is_file() else ()
    if images:
        raise ArtifactError(f"{path} holds an image, and is no system itself", hint=f"satchel audit {images[0]}")
    return path


def _table(image: Path) -> Table | None:
    try:
        return read_table(image)
    except ArtifactError:
        return None


def _manifest(tools: Tools, image: Path, table: Table | None) -> Manifest | None:
    if table is None:
        return None
    try:
        return read_embedded_manifest(tools, image, table)
    except ArtifactError:
        return None
