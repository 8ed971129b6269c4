"""The tables, as SQLAlchemy sees them: what the migrations must add up to, on every database.

Only migrations and cold paths come here (SQLAlchemy takes 0.2 s to import); the hot paths speak
plain SQL. A test compares these tables with what the migrations really make.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

#: Every durable object; `body` is the struct as JSON.
objects = Table(
    "objects",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

#: The next value of each counter (object numbers, MAC suffixes, ...).
counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

#: The event log; `at` in epoch seconds, `detail` is a JSON object.
events = Table(
    "events",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("events_of", "kind", "id", "seq"),
)

#: The audit log: never changed, never pruned; each row is chained to the one before (`journal.AuditRow`).
audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("body", Text, nullable=False),
    Column("link", Text, nullable=False),
)


def _samples(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("ts", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", Text, primary_key=True),
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("body", LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


#: Monitoring, thinned out (see `tiers`): one row for an object a step; `ts` is when the step began, in epoch seconds,
#: `body` is JSON in bytes. The time leads the key, so what comes together is written in one place and the old end is
#: cut off cheaply.
samples = tuple(_samples(name) for name in ("samples", "samples_medium", "samples_coarse"))
