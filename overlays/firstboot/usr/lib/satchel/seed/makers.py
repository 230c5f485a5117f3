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

MAKERS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "password": password.mint,
        "hex": lambda: secrets.token_hex(_BYTES),
        "base64": lambda: base64.b64encode(secrets.token_bytes(_BYTES)).decode(),
        "django-key": lambda: "".join(secrets.choice(_DJANGO) for _ in range(_DJANGO_LENGTH)),
    }
)
