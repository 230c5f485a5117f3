"""What a device can use for each field of a seed. Each rule returns what is wrong, in words, or nothing. Pure.

Outside facts, found by running Kolibri 0.19.5: it accepts each of these mistakes with exit status 0, and leaves a
device to which nobody can log in, or whose interface is in no language. Lengths are those of its database
(kolibri/core/auth/models.py), languages those of kolibri/utils/i18n.py.
"""

from __future__ import annotations

import re

from seed import code

PRESETS = ("formal", "nonformal", "informal")
LANGUAGES = (
    "ar", "bg-bg", "bn-bd", "de", "el", "en", "es-419", "es-es", "fa", "ff-cm", "fr-fr", "gu-in", "ha", "hi-in", "ht",
    "id", "it", "ka", "km", "ko", "mr", "my", "ny", "pa", "pt-br", "pt-mz", "sw-tz", "te", "uk", "ur-pk", "vi", "yo",
    "zh-hans",
)  # fmt: skip
FACILITY_NAME_LENGTH = 100
LOCATION_LENGTH = 200
PASSWORD_LENGTHS = (8, 64)
EXTRA_LENGTH = 500

_ADMIN = re.compile(r"[A-Za-z0-9_]{1,30}")
_HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_TIMEZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_JOINERS = re.compile("[\u200c\u200d]")
"""Zero-width (non-)joiners: part of the spelling of Persian and of several languages of India, yet not `printable`."""
_SECRET_NAME = re.compile(r"[a-z][a-z0-9-]{0,35}")
_EXTRA_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


def facility_name(value: str) -> str | None:
    """Kolibri's name of a facility."""
    return _line(value, FACILITY_NAME_LENGTH) if value else "it is empty"


def location(value: str) -> str | None:
    """Where the facility is, in words."""
    return _line(value, LOCATION_LENGTH)


def facility_code(value: str) -> str | None:
    """A facility code with its check symbol, in any way that people write it."""
    try:
        code.normalize(value)
    except ValueError as error:
        return str(error)
    return None


def preset(value: str) -> str | None:
    """Kolibri's set of defaults."""
    return None if value in PRESETS else f"it is none of {', '.join(PRESETS)}"


def language(value: str) -> str | None:
    """A language of Kolibri's interface."""
    return None if value in LANGUAGES else "Kolibri's interface has no such language"


def admin(value: str) -> str | None:
    """The super admin's user name; Kolibri silently drops a user with another."""
    return None if _ADMIN.fullmatch(value) else "it must be at most 30 letters of English, digits and '_'"


def password(value: str) -> str | None:
    """A password that can be typed on every keyboard, given to Linux and to Kolibri."""
    shortest, longest = PASSWORD_LENGTHS
    if not shortest <= len(value) <= longest:
        return f"it must have {shortest} to {longest} characters"
    return None if _printable(value) and value == value.strip() else "it may only have printable characters of ASCII"


def hostname(value: str) -> str | None:
    """A host name without dots (RFC 1123), in small letters."""
    return None if _HOSTNAME.fullmatch(value) else "it must be at most 63 small letters, digits and '-'"


def timezone(value: str) -> str | None:
    """The form of a name in the time zone database; whether it is there, only a machine with one can say."""
    return None if _TIMEZONE.fullmatch(value) else "it must be a name such as Africa/Nairobi"


def country(value: str) -> str | None:
    """The form of a country in ISO 3166, which decides the radio channels."""
    return None if _COUNTRY.fullmatch(value) else "it must be two capital letters such as KE"


def ssid(value: str) -> str | None:
    """The name of a wireless network: 1 to 32 bytes (IEEE 802.11)."""
    if not 1 <= len(value.encode()) <= 32:
        return f"it has {len(value.encode())} bytes; a network's name has 1 to 32"
    return _line(value, 32)


def passphrase(value: str) -> str | None:
    """A WPA passphrase (IEEE 802.11i, annex H)."""
    return None if 8 <= len(value) <= 63 and _printable(value) else "it must be 8 to 63 printable characters of ASCII"


def extra_name(value: str) -> str | None:
    """The name of a value for overlays."""
    return None if _EXTRA_NAME.fullmatch(value) else "it must be small letters, digits and '_', beginning with a letter"


def extra_value(value: str) -> str | None:
    """A value for overlays."""
    return _line(value, EXTRA_LENGTH)


def secret_name(value: str) -> str | None:
    """The name of a secret that the devices of a site share."""
    wanted = "it must be small letters, digits and '-', beginning with a letter"
    return None if _SECRET_NAME.fullmatch(value) else wanted


def secret_value(value: str) -> str | None:
    """A secret that the devices of a site share."""
    return _line(value, EXTRA_LENGTH) if value else "it is empty"


def _line(value: str, length: int) -> str | None:
    if len(value) > length:
        return f"it has {len(value)} characters; at most {length} fit"
    if value != value.strip():
        return "it begins or ends with white space"
    return None if _JOINERS.sub("", value).isprintable() else "it holds a character that cannot be printed"


def _printable(value: str) -> bool:
    return value.isascii() and value.isprintable()
