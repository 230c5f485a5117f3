"""The ledger itself: entries are added and never changed, and a code is given away once.

SQLite is the default, a file on this machine. Several stations share a PostgreSQL. Either way one transaction holds the
head of the chain while it adds an entry, so writers stand in line.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, ProgrammingError, SQLAlchemyError

from builder.errors import LedgerError, UsageError
from builder.ledger.chain import BEGINNING, Entry, Facts, Kept, faults

_PATIENCE_S: Final = 30
"""How long to wait for another writer."""
_SAME: Final = ("number", "at", "station", "operator", "kind", "attempt", "before")
"""Fields of an entry that are columns as they are."""


_METADATA: Final = MetaData()

_ENTRIES: Final = Table(
    "satchel_entries",
    _METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("station", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("attempt", String(36), nullable=False, index=True),
    # Text and not JSON: what was hashed must come back as it was.
    Column("facts", Text, nullable=False),
    Column("before", String(64), nullable=False, unique=True),
    Column("digest", String(64), nullable=False, unique=True),
)

_RESERVED: Final = Table(
    "satchel_reserved",
    _METADATA,
    # The key is what keeps two stations from giving the same identity away.
    Column("code", String(16), primary_key=True),
    Column("entry", Integer, ForeignKey(_ENTRIES.c.number), nullable=False),
)

_HEAD: Final = Table(
    "satchel_head",
    _METADATA,
    # One row, which every writer locks: the chain grows at one end.
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who writes: it stands in every entry."""

    station: str
    operator: str

    @classmethod
    def here(cls, operator: str | None) -> Self:
        """This machine; without an operator, the user."""
        user = os.environ.get("SUDO_USER") or os.environ.get("USER") or str(os.getuid())
        return cls(station=socket.gethostname(), operator=operator or user)


class Taken(Exception):
    """Somebody has this code already."""


class Ledger:
    """An open ledger; safe to use by several threads."""

    def __init__(self, engine: Engine, writer: Writer, *, called: str) -> None:
        self._engine = engine
        self._writer = writer
        self.called = called
        """What a person calls it; never with a password."""

    def add(self, kind: str, attempt: str, facts: Facts) -> Entry:
        """Add an entry; it is durable when this returns.

        Raises:
            LedgerError: it could not be written.
        """
        try:
            with self._told("write to"), self._engine.begin() as connection:
                return self._add(connection, kind, attempt, facts)
        except IntegrityError as error:
            raise LedgerError.of(error, f"cannot write to the ledger {self.called}") from error

    def reserve(self, code: str, attempt: str, facts: Facts) -> Entry:
        """Give a code to an attempt, for ever: whatever becomes of it, nobody gets the code again.

        Raises:
            Taken: it was given away before.
            LedgerError: it could not be written.
        """
        try:
            with self._told("write to"), self._engine.begin() as connection:
                self._lock(connection)
                if connection.execute(select(_RESERVED.c.code).where(_RESERVED.c.code == code)).first():
                    raise Taken(code)
                entry = self._add(connection, "reserved", attempt, {"code": code, **facts})
                connection.execute(insert(_RESERVED).values(code=code, entry=entry.number))
                return entry
        except IntegrityError as error:
            raise Taken(code) from error

    def reserved(self) -> frozenset[str]:
        """All codes that were given away.

        Raises:
            LedgerError: it cannot be read.
        """
        with self._told("read"), self._reading() as connection:
            return frozenset(connection.execute(select(_RESERVED.c.code)).scalars())

    def entries(self) -> Iterator[Kept]:
        """Everything, from the beginning on.

        Raises:
            LedgerError: it cannot be read.
        """
        with self._told("read"), self._reading() as connection:
            yield from _kept(connection)

    def head(self) -> tuple[int, str] | None:
        """Number and digest of the newest entry; none while there is none.

        Raises:
            LedgerError: it cannot be read.
        """
        with self._told("read"), self._reading() as connection:
            return _head(connection)

    def faults(self) -> list[str]:
        """What is wrong with the ledger: with its chain, or with the list of codes that were given away.

        Raises:
            LedgerError: it cannot be read.
        """
        with self._told("read"), self._reading() as connection:
            kept, head = tuple(_kept(connection)), _head(connection)
            listed = set(connection.execute(select(_RESERVED.c.code)).scalars())
        told = {each.entry.facts.get("code") for each in kept if each.entry.kind == "reserved"}
        missing = sorted(map(str, told - listed))
        return [*faults(kept, head=head), *(f"the code {code} was given away, and is not listed" for code in missing)]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """All that is read within is of one moment, and nobody who writes is held up."""
        with self._engine.connect() as connection:
            options = {"isolation_level": "REPEATABLE READ"} if self._engine.dialect.name == "postgresql" else {}
            yield connection.execution_options(satchel_reads=True, **options)

    def _add(self, connection: Connection, kind: str, attempt: str, facts: Facts) -> Entry:
        number, before = self._lock(connection)
        entry = Entry(
            number=number + 1,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            station=self._writer.station,
            operator=self._writer.operator,
            kind=kind,
            attempt=attempt,
            facts=facts,
            before=before,
        )
        values: dict[str, Any] = {name: getattr(entry, name) for name in (*_SAME, "digest")}
        connection.execute(insert(_ENTRIES).values(**values, facts=json.dumps(facts, sort_keys=True)))
        connection.execute(update(_HEAD).values(number=entry.number, digest=entry.digest))
        return entry

    @staticmethod
    def _lock(connection: Connection) -> tuple[int, str]:
        """Hold the end of the chain until the transaction is over."""
        row = connection.execute(select(_HEAD.c.number, _HEAD.c.digest).with_for_update()).one()
        return row.number, row.digest

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            raise LedgerError.of(error, f"cannot {what} the ledger {self.called}") from error


def _kept(connection: Connection) -> Iterator[Kept]:
    for row in connection.execute(select(_ENTRIES).order_by(_ENTRIES.c.number)).mappings():
        same = {name: row[name] for name in _SAME}
        yield Kept(entry=Entry(**same, facts=json.loads(row["facts"])), digest=row["digest"])


def _head(connection: Connection) -> tuple[int, str] | None:
    row = connection.execute(select(_HEAD.c.number, _HEAD.c.digest)).first()
    return None if row is None or row.number == 0 else (row.number, row.digest)


@contextmanager
def open_ledger(place: str | None, writer: Writer | None) -> Iterator[Ledger]:
    """Open a ledger; a writer makes it if it is not there.

    Args:
        place: The path of a file, or the URL of a database; none means the user's own file.
        writer: Who will stand in the entries; none only reads.

    Raises:
        UsageError: the URL is none, or of a database that we do not know.
        LedgerError: it cannot be opened.
    """
    url = _url(place)
    called = str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
    engine = _engine(url)
    try:
        if writer:
            _make(engine)
        elif not inspect(engine).has_table(_HEAD.name):
            engine.dispose()
            raise LedgerError(f"there is no ledger in {called}")
    except SQLAlchemyError as error:
        engine.dispose()
        raise LedgerError.of(error, f"cannot open the ledger {called}") from error
    try:
        yield Ledger(engine, writer or Writer.here(None), called=called)
    finally:
        engine.dispose()


def _make(engine: Engine) -> None:
    for last in (False, True):
        try:
            # One transaction: whoever finds the tables finds the head as well.
            with engine.begin() as connection:
                _METADATA.create_all(connection)
                if connection.execute(select(_HEAD.c.one)).first() is None:
                    connection.execute(insert(_HEAD).values(one=1, number=0, digest=BEGINNING))
        except (IntegrityError, ProgrammingError):
            # Another station makes it in this very moment; then it is there the next time.
            if last:
                raise
        else:
            return


def default_place() -> Path:
    """The user's own ledger: it is kept where programs keep what must not be lost."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(base) / "satchel" / "ledger.db"


def _url(place: str | None) -> URL:
    if place is None or "://" not in place:
        path = (default_place() if place is None else Path(place)).absolute()
        if place is None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise LedgerError(f"cannot make {path.parent}: {error.strerror}") from error
        return URL.create("sqlite", database=os.fspath(path))
    try:
        url = make_url(place)
    except ArgumentError as error:
        raise UsageError(f"--ledger: {place} is no address of a database", hint=_HOW) from error
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite")
    raise UsageError(f"--ledger: a ledger cannot be kept in {url.get_backend_name()}", hint=_HOW)


_HOW: Final = "a file such as ledger.db, or postgresql://USER@HOST/DATABASE"


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        patience = {"connect_timeout": _PATIENCE_S, "options": f"-c statement_timeout={_PATIENCE_S}s"}
        lively = {"keepalives_idle": _PATIENCE_S, "keepalives_interval": 5, "keepalives_count": 3}
        # A station may be idle for hours, and the connection gone.
        return create_engine(url, connect_args={**patience, **lively}, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": _PATIENCE_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # Transactions are ours to begin: sqlite3 begins them too late to keep another writer out.
        connection.isolation_level = None
        # FULL does not sync the directory after the journal is gone; a power cut could take the last entry back.
        connection.execute("PRAGMA synchronous=EXTRA")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("satchel_reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine
