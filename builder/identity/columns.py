"""The columns of a site list: what each means, what may stand in it. docs/sites.md is held against this table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from seed import code, rules

from builder.identity import places
from builder.recipe.problems import nearest, suggest

FREE: Final = "x_"
"""What the names of free columns begin with: whatever else is unknown is a mistyped name."""

SHARED: Final = "secret_"
"""What the names of columns begin with that hold a secret of the recipe, the same in all rows."""

_LABEL_LENGTH: Final = 64
_MAC_DIGITS: Final = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its meaning, the rule for its values, and where the nearest right value comes from."""

    name: str
    meaning: str
    example: str
    rule: Callable[[str], str | None]
    unique: bool = False
    pattern: bool = False
    """Whether names of columns in braces are filled in."""
    secret: bool = False
    """Whether its value is kept to the letter, and never shown unasked."""
    normalize: Callable[[str], str] = str
    advice: Callable[[str], str] = lambda _: ""


def header_name(text: str) -> str:
    """The name of a column as people write it: `Admin Password` is `admin_password`."""
    return re.sub(r"[\s-]+", "_", text.strip().lower())


def likeness(header: Sequence[str]) -> int:
    """How many known columns a row names."""
    return sum(header_name(text) in COLUMNS or header_name(text).startswith((FREE, SHARED)) for text in header)


def name_problem(name: str) -> tuple[str, str] | None:
    """What is wrong with the name of a column, and advice."""
    if name in COLUMNS:
        return None
    if name.startswith(SHARED):
        wrong = rules.secret_name(secret_called(name))
        return (f'"{name}" cannot name a secret: behind {SHARED}, {wrong}', "") if wrong else None
    if not name.startswith(FREE):
        near = nearest(name, COLUMNS)
        free = f"columns of your own begin with {FREE}, such as {FREE}{name}"
        return f'there is no column "{name}"', f'did you mean "{near}"? ({free})' if near else free
    wrong = rules.extra_name(name.removeprefix(FREE))
    return (f'"{name}" cannot name a free column: behind {FREE}, {wrong}', "") if wrong else None


def secret_called(name: str) -> str:
    """The secret of a column: recipes write hyphens where names of columns have `_`."""
    return name.removeprefix(SHARED).replace("_", "-")


def column_of(name: str) -> Column:
    """A known column, one of a secret, or a free one."""
    if name.startswith(SHARED):
        return Column(name=name, meaning="", example="", rule=rules.secret_value, secret=True)
    return COLUMNS.get(name) or Column(name=name, meaning="", example="", rule=rules.extra_value)


def _normal_code(text: str) -> str:
    return text if rules.facility_code(text) else code.normalize(text)


def _normal_mac(text: str) -> str:
    digits = re.sub(r"[\s:.-]", "", text).lower()
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2)) if _MAC_DIGITS.fullmatch(digits) else text


def _mac(value: str) -> str | None:
    if not _MAC_DIGITS.fullmatch(value.replace(":", "")):
        return "it must be 12 hexadecimal digits such as 52:54:00:12:34:56"
    if int(value[1], 16) & 1:
        return "it is the address of a group and not of a network card"
    return None


def _label(value: str) -> str | None:
    if len(value) > _LABEL_LENGTH:
        return f"it has {len(value)} characters; at most {_LABEL_LENGTH} fit"
    return None if value.isprintable() else "it holds a character that cannot be printed"


def _language_advice(value: str) -> str:
    """`fr` and `French` both mean fr-fr; difflib alone finds them too unlike."""
    alike = [language for language in rules.LANGUAGES if language[:2] == value[:2].lower()]
    return f"did you mean {' or '.join(alike)}?" if alike else suggest(value, rules.LANGUAGES, of="there are")


def _plain(value: str, joint: str) -> str:
    """The value in letters of English and digits, with a joint for everything else."""
    letters = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", joint, letters).strip(joint)


def _if_right(rule: Callable[[str], str | None], candidate: str) -> str:
    return "" if rule(candidate) else f'did you mean "{candidate}"?'


def _among(words: Iterable[str]) -> Callable[[str], str]:
    return lambda value: suggest(value, words)


def _table(*columns: Column) -> dict[str, Column]:
    return {column.name: column for column in columns}


COLUMNS: Final = _table(
    Column(
        name="code",
        meaning="the facility code; blank until `satchel sites mint` fills it in",
        example="K7M3-Q2XG",
        rule=rules.facility_code,
        unique=True,
        normalize=_normal_code,
    ),
    Column(
        name="facility",
        meaning=f"the name of the Kolibri facility, at most {rules.FACILITY_NAME_LENGTH} characters; "
        "`{code}` and names of columns in braces are filled in",
        example="École du Lac",
        rule=rules.facility_name,
        pattern=True,
    ),
    Column(
        name="location",
        meaning=f"where it is, in words, at most {rules.LOCATION_LENGTH} characters",
        example="Kisumu, behind the market",
        rule=rules.location,
    ),
    Column(
        name="language",
        meaning="the language of Kolibri's interface",
        example="fr-fr",
        rule=rules.language,
        advice=_language_advice,
    ),
    Column(
        name="timezone",
        meaning="the name of the time zone",
        example="Africa/Nairobi",
        rule=places.timezone,
        advice=places.timezone_advice,
    ),
    Column(
        name="preset",
        meaning="Kolibri's defaults for a school, a club or a home: " + ", ".join(rules.PRESETS),
        example="formal",
        rule=rules.preset,
        advice=_among(rules.PRESETS),
    ),
    Column(
        name="admin",
        meaning="the super admin's user name: at most 30 letters of English, digits and `_`",
        example="directrice",
        rule=rules.admin,
        advice=lambda value: _if_right(rules.admin, _plain(value, "_")[:30]),
    ),
    Column(
        name="admin_password",
        meaning="the super admin's password, {} to {} characters; without one the device makes it".format(
            *rules.PASSWORD_LENGTHS
        ),
        example="lusab-babad-gutih-tugad",
        rule=rules.password,
        secret=True,
    ),
    Column(
        name="hostname",
        meaning="the name in the network: small letters, digits and `-`; `{code}` and names of columns in braces are "
        "filled in, in small letters",
        example="ecole-{code}",
        rule=rules.hostname,
        advice=lambda value: _if_right(rules.hostname, _plain(value.lower(), "-")),
        unique=True,
        pattern=True,
    ),
    Column(
        name="wifi_ssid",
        meaning="the name of the wireless network that it makes, at most 32 bytes",
        example="Ecole",
        rule=rules.ssid,
    ),
    Column(
        name="wifi_passphrase",
        meaning="its passphrase, 8 to 63 characters; without one it makes its own",
        example="chalk and slate",
        rule=rules.passphrase,
        secret=True,
    ),
    Column(
        name="wifi_country",
        meaning="the country in two capital letters; it decides the radio channels",
        example="KE",
        rule=places.country,
        advice=places.country_advice,
    ),
    Column(
        name="slot",
        meaning="matches the slot of the card writer",
        example="1",
        rule=_label,
        unique=True,
    ),
    Column(
        name="serial",
        meaning="matches the serial number of the device or card",
        example="PF2XK9A1",
        rule=_label,
        unique=True,
    ),
    Column(
        name="mac",
        meaning="matches the device's first network card, in any usual way of writing",
        example="52:54:00:12:34:56",
        rule=_mac,
        unique=True,
        normalize=_normal_mac,
    ),
)
"""In the order of a new list. A blank value is the device's or the recipe's to choose."""
