"""Opening a database file: one front end at a time, at this release's schema."""

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path

from innkeeper.store.journal import JournalFailure
from innkeeper.store.migrations import HEAD

MIGRATIONS = Path(__file__).with_name("migrations")

#: How long a statement waits for another program that holds the file, such as an operator's
#: sqlite3 shell. Seconds.
PATIENCE = 30.0


class FileLock:
    """A lock on `path` that the kernel drops with the process. Raises JournalFailure if taken."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 20).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise JournalFailure(
                f"{path}: another front end is running on this database"
                f" (process {holder or 'unknown'})"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)


def open_database(
    path: Path, migrations: Path = MIGRATIONS, head: str = HEAD
) -> sqlite3.Connection:
    """The connection for writing, with the schema up to date. The caller holds the lock.

    Raises JournalFailure if the file is no database, is not ours, or is from a newer release.
    """
    try:
        _make_file(path)
        with contextlib.ExitStack() as undo:
            db = connect(path)
            undo.callback(db.close)
            stored = stored_revision(db, path)
            _use_write_ahead_log(db, path)
            if stored != head:
                upgrade(path, stored, migrations)
            undo.pop_all()
            return db
    except (sqlite3.Error, OSError) as error:
        raise JournalFailure(f"{path}: cannot be opened as a database: {error}") from error


def _make_file(path: Path) -> None:
    """Make sure the file is there, also after a power cut, and for our eyes only.

    It holds password hashes; SQLite gives its side files the same mode.
    """
    is_new = not path.exists()
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if not is_new:
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def connect(path: Path) -> sqlite3.Connection:
    """A connection that begins and ends transactions only when told, for use by any thread."""
    return sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)


def _use_write_ahead_log(db: sqlite3.Connection, path: Path) -> None:
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalFailure(
            f"{path}: the file system cannot do SQLite's write-ahead log (mode is {mode});"
            " the database must lie on a local disk"
        )
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA journal_size_limit = 67108864")


def stored_revision(db: sqlite3.Connection, path: Path) -> str | None:
    """The schema revision that the database bears, None if it is empty."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    if tables and "alembic_version" not in tables:
        raise JournalFailure(f"{path}: this is a database, but not one of Innkeeper's")
    row = db.execute("SELECT version_num FROM alembic_version").fetchone() if tables else None
    return str(row[0]) if row else None


def upgrade(path: Path, stored: str | None, migrations: Path = MIGRATIONS) -> None:
    """Run the revisions that are due, all in one transaction.

    Raises JournalFailure for a revision that this release does not know.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    if stored is not None and stored not in known:
        raise JournalFailure(
            f"{path}: a newer release of Innkeeper wrote this database: its schema is {stored},"
            f" this release knows schemas up to {known[0]}"
        )
    engine = create_engine("sqlite://", creator=lambda: connect(path), poolclass=NullPool)
    # Python's sqlite3 would not begin a transaction before DDL.
    event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except Exception as error:
            raise JournalFailure(
                f"{path}: upgrading the schema from {stored or 'nothing'} failed,"
                f" the database is as it was: {error}"
            ) from error
