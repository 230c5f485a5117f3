"""How secrets are made, by what a recipe calls it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType

from seed import password

_BYTES = 32
_DJANGO = "abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)"
"""The characters of Django's own secret keys (django.core.management.utils.get_random_secret_key), and how many."""
_DJANGO_LENGTH = 50

_P256_BEFORE = bytes.fromhex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420")
"""PrivateKeyInfo (RFC 5958) with an ECPrivateKey (RFC 5915) of the curve P-256, up to the number itself."""
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""SEC 2, secp256r1: a private key is a number from 1 to this, less one."""


def _p256_key() -> str:
    number = secrets.randbelow(_P256_ORDER - 1) + 1
    return base64.b64encode(_P256_BEFORE + number.to_bytes(32, "big")).decode()


MAKERS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "password": password.mint,
        "hex": lambda: secrets.token_hex(_BYTES),
        "base64": lambda: base64.b64encode(secrets.token_bytes(_BYTES)).decode(),
        "django-key": lambda: "".join(secrets.choice(_DJANGO) for _ in range(_DJANGO_LENGTH)),
        "p256-key": _p256_key,
    }
)
