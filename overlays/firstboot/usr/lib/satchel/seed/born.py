"""A facility that was born on the build host, as rows of Kolibri's database in one line of text. Pure.

Packed are the rows that provisioning adds to a sealed home, and of those only what makes the facility: the ids of
database and instance are not among them, so that each device makes its own. Found with Kolibri 0.19.5, where the rest
of the difference is one counter of SQLite.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import zlib
from dataclasses import dataclass
from typing import Any

TABLES = (
    "kolibriauth_facilitydataset",
    "morango_certificate",
    "kolibriauth_collection",
    "kolibriauth_facilityuser",
    "kolibriauth_role",
    "device_devicepermissions",
    "device_devicesettings",
)
"""The tables of a facility; provisioning adds one row to each."""

MADE_ON_THE_DEVICE = ("morango_databaseidmodel", "morango_instanceidmodel", "sqlite_sequence")
"""Tables that provisioning changes, too, and that no device may have from elsewhere."""

_LARGEST = 256 * 1024
_COLUMN = re.compile(r"[a-z_][a-z0-9_]{0,60}")
_ALGORITHM = "pbkdf2_sha256"

Row = dict[str, str | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Born:
    """A facility that waits for its device."""

    kolibri: str
    """The version whose database has these rows."""
    rows: dict[str, Row]
    """The one row of each table, by column."""

    @property
    def facility_id(self) -> str:
        """The id that it will have for good."""
        return str(self.rows["kolibriauth_collection"]["id"])

    @property
    def dataset_id(self) -> str:
        """The id of its data and of its certificate."""
        return str(self.rows["kolibriauth_facilitydataset"]["id"])

    @property
    def facility_name(self) -> str:
        """Kolibri's name of it."""
        return str(self.rows["kolibriauth_collection"]["name"])

    @property
    def admin(self) -> str:
        """The super admin's user name."""
        return str(self.rows["kolibriauth_facilityuser"]["username"])

    def opens_with(self, password: str) -> bool:
        """Whether the super admin logs in with this password (Django's PBKDF2PasswordHasher)."""
        stored = str(self.rows["kolibriauth_facilityuser"]["password"])
        try:
            algorithm, iterations, salt, digest = stored.split("$")
            # A bound, because a hostile seed could ask for years of work.
            if algorithm != _ALGORITHM or not 0 < int(iterations) <= 5_000_000:
                return False
            made = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), int(iterations))
        except ValueError:
            return False
        return hmac.compare_digest(base64.b64encode(made).decode(), digest)


def pack(born: Born) -> str:
    """One line of text."""
    text = json.dumps({"kolibri": born.kolibri, "rows": born.rows}, ensure_ascii=False, sort_keys=True)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpack(text: str) -> Born:
    """The facility in a line of text.

    Raises:
        ValueError: it is none.
    """
    try:
        document: Any = json.loads(_decompressed(base64.b64decode(text, validate=True)))
        rows = {str(table): _row(row) for table, row in document["rows"].items()}
        born = Born(kolibri=str(document["kolibri"]), rows=rows)
    except (ValueError, zlib.error, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it holds no facility: {error}") from error
    if set(rows) != set(TABLES):
        raise ValueError(f"it holds no facility: it has rows for {', '.join(sorted(rows)) or 'nothing'}")
    _require_one_facility(born)
    return born


def _decompressed(data: bytes) -> bytes:
    """As much as a facility can need: a small text can be made that never ends."""
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(data, _LARGEST)
    if not unpacker.eof:
        raise ValueError("it is cut off or too large")
    return text


def _row(row: dict[str, Any]) -> Row:
    for column, value in row.items():
        if not _COLUMN.fullmatch(column) or not (value is None or isinstance(value, str | int)):
            raise ValueError(f"{column!r} is not the name and value of a column")
    return dict(row)


def _require_one_facility(born: Born) -> None:
    """All rows speak of the same facility and user, and the private key is there."""
    rows = born.rows
    dataset, user = rows["kolibriauth_facilitydataset"].get("id"), rows["kolibriauth_facilityuser"].get("id")
    facility = rows["kolibriauth_collection"].get("id")
    agreed = (
        rows["morango_certificate"].get("id") == dataset
        and all(
            rows[table].get("dataset_id") == dataset
            for table in ("kolibriauth_collection", "kolibriauth_facilityuser", "kolibriauth_role")
        )
        and rows["kolibriauth_facilityuser"].get("facility_id") == facility
        and rows["kolibriauth_collection"].get("kind") == "facility"
        and rows["device_devicepermissions"].get("user_id") == user
        and rows["device_devicesettings"].get("is_provisioned") == 1
        and bool(rows["morango_certificate"].get("private_key"))
        and all((dataset, user, facility))
    )
    if not agreed:
        raise ValueError("it holds no facility: its rows do not belong together")
