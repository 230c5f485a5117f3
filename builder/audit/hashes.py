"""Whether a password fits a hash: libcrypt for those of accounts, the standard library for those of Kolibri.

libxcrypt's `libcrypt.so.1` is part of every Debian (login needs it) and knows every kind that stands in a shadow file,
yescrypt too. Python's own module for it is gone since 3.13, and packages that stand in for it have to be compiled.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import hmac
import re
from functools import cache
from typing import Final

CRYPTED: Final = re.compile(r"\$(?:y|gy|7|6|5|1|2[abxy]|sha1)\$[./A-Za-z0-9$,=]{20,}")
"""A hash as it stands in a shadow file."""

_DATA_BYTES: Final = 32768
"""Size of libxcrypt's `struct crypt_data`."""

_MOST_ROUNDS: Final = 2_000_000
_AFFORDABLE: Final = (
    re.compile(r"\$g?y\$j[./0-9AB]"),
    re.compile(r"\$2[abxy]\$(?:0[4-9]|1[0-2])\$"),
    re.compile(r"\$7\$[./0-9A-C]"),
    re.compile(r"\$[561]\$|\$sha1\$"),
)
"""How costly a hash may be: a hostile tree must not keep us busy for hours, or take all memory."""

_DJANGO: Final = re.compile(r"pbkdf2_sha256\$([0-9]{1,9})\$([^$]+)\$([A-Za-z0-9+/=]+)")
_ROUNDS: Final = re.compile(r"rounds=([0-9]{1,9})")


def can_try(hashed: str) -> bool:
    """Whether this machine can tell if a password fits the hash."""
    django = _DJANGO.fullmatch(hashed)
    if django is not None:
        return int(django[1]) <= _MOST_ROUNDS
    return _library() is not None and _affordable(hashed)


def fits(password: str, hashed: str) -> bool:
    """Whether the password fits the hash; no when this cannot be told."""
    library, django = _library(), _DJANGO.fullmatch(hashed)
    if not can_try(hashed):
        return False
    if django is not None:
        return _fits_django(password, int(django[1]), django[2], django[3])
    assert library is not None
    data = ctypes.create_string_buffer(_DATA_BYTES)
    found = library.crypt_rn(password.encode(), hashed.encode(), data, _DATA_BYTES)
    return isinstance(found, bytes) and hmac.compare_digest(found, hashed.encode())


def _fits_django(password: str, rounds: int, salt: str, digest: str) -> bool:
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), rounds)
    return hmac.compare_digest(base64.b64encode(made).decode(), digest)


def _affordable(hashed: str) -> bool:
    rounds = _ROUNDS.search(hashed)
    few = rounds is None or int(rounds[1]) <= _MOST_ROUNDS
    return few and CRYPTED.fullmatch(hashed) is not None and any(cheap.match(hashed) for cheap in _AFFORDABLE)


@cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libcrypt.so.1")
        library.crypt_rn.restype = ctypes.c_char_p
    except (OSError, AttributeError):
        return None
    library.crypt_rn.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int)
    return library
