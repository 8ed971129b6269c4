"""Databases of other releases: older ones are upgraded, newer ones refused, failures undone."""

import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from innkeeper.model.samples import Sample
from innkeeper.store.journal import JournalFailure
from innkeeper.store.migrations import HEAD
from innkeeper.store.samples import Samples
from innkeeper.store.schema import metadata
from innkeeper.store.sqlite import SqliteJournal
from innkeeper.store.upgrade import MIGRATIONS, connect, open_database
from tests.store.histories import Desk, batch_of, last_whole_batch
from tests.store.make_fixture import BATCHES

RELEASES = sorted(Path(__file__).with_name("fixtures").glob("*.db"))

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "0099"
down_revision = "{head}"

def upgrade():
    op.add_column("events", sa.Column("reason", sa.Text()))
    op.execute("UPDATE events SET reason = 'operator'")
    op.create_table("chairs", sa.Column("id", sa.Integer, primary_key=True))
    {ending}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    # The name has what Alembic's configuration would take for a variable.
    folder = tmp_path / "100%(here)s"
    folder.mkdir()
    return folder / "zone.db"


def next_release(folder: Path, ending: str = "pass") -> Path:
    """The migrations of a release that has one more."""
    migrations = folder / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    text = NEXT.format(head=HEAD, ending=ending)
    (migrations / "versions" / "0099_next.py").write_text(text)
    return migrations


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def filled(path: Path) -> None:
    desk = Desk()
    with closing(SqliteJournal(path, desk.call_soon)) as journal:
        for n in range(1, 21):
            journal.append(batch_of(n), desk.done(n))


def test_there_is_a_fixture_of_this_schema() -> None:
    assert RELEASES
    assert HEAD in [revision(release) for release in RELEASES]


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.stem)
def test_the_database_of_every_release_opens(release: Path, path: Path) -> None:
    shutil.copy(release, path)
    desk = Desk()
    with closing(SqliteJournal(path, desk.call_soon)) as journal:
        assert last_whole_batch(journal) == BATCHES
        expected = [Sample.of(1000, {"cpu": 0.5, "memory": 2048})]
        assert Samples(journal).since("vm", 1, 0) == expected
        journal.append(batch_of(BATCHES + 1), desk.done(1))
        desk.wait_for(1)
        assert last_whole_batch(journal) == BATCHES + 1
    assert revision(path) == HEAD


def test_the_migrations_add_up_to_the_schema(path: Path) -> None:
    open_database(path).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


@pytest.mark.parametrize("table", ["objects", "counters", "samples"])
def test_tables_with_their_own_key_have_no_second_one(path: Path, table: str) -> None:
    open_database(path).close()
    with closing(sqlite3.connect(path)) as db:
        (text,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", [table]).fetchone()
    assert re.search(r"WITHOUT ROWID\s*$", text)


def test_the_head_is_the_newest_revision_of_the_folder() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_an_older_database_is_upgraded_with_its_data(path: Path, tmp_path: Path) -> None:
    filled(path)
    open_database(path, next_release(tmp_path), "0099").close()
    assert revision(path) == "0099"
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT DISTINCT reason FROM events").fetchall() == [("operator",)]
        assert db.execute("SELECT count(*) FROM events").fetchone() == (40,)
        assert db.execute("SELECT * FROM chairs").fetchall() == []


def test_a_newer_database_is_refused_and_left_alone(path: Path, tmp_path: Path) -> None:
    filled(path)
    open_database(path, next_release(tmp_path), "0099").close()
    before = dump(path)
    with pytest.raises(JournalFailure) as caught:
        SqliteJournal(path, Desk().call_soon)
    assert str(caught.value) == (
        f"{path}: a newer release of Innkeeper wrote this database: its schema is 0099,"
        f" this release knows schemas up to {HEAD}"
    )
    assert dump(path) == before


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(path: Path, tmp_path: Path) -> None:
    filled(path)
    before = dump(path)
    broken = next_release(tmp_path, "op.execute('INSERT INTO nonsense VALUES (1)')")
    with pytest.raises(JournalFailure, match=f"from {HEAD} failed, the database is as it was"):
        open_database(path, broken, "0099")
    assert dump(path) == before
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        assert last_whole_batch(journal) == 20


def test_an_upgrade_that_is_killed_leaves_the_database_as_it_was(
    path: Path, tmp_path: Path
) -> None:
    filled(path)
    before = dump(path)
    killed = next_release(tmp_path, "import os; os.kill(os.getpid(), 9)")
    code = (
        "import sys; from pathlib import Path; from innkeeper.store.upgrade import *;"
        "open_database(Path(sys.argv[1]), Path(sys.argv[2]), '0099')"
    )
    assert subprocess.run([sys.executable, "-c", code, path, killed], check=False).returncode == -9
    assert dump(path) == before


def test_a_first_start_that_was_cut_off_can_be_repeated(path: Path) -> None:
    path.touch()
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        assert last_whole_batch(journal) == 0


def test_an_up_to_date_database_opens_without_sqlalchemy(path: Path) -> None:
    filled(path)
    code = (
        "import sys; from pathlib import Path; from innkeeper.store.sqlite import *;"
        "SqliteJournal(Path(sys.argv[1]), print).close();"
        "print([name for name in ('sqlalchemy', 'alembic') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, path]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"[]\n"


def test_the_connection_for_writing_is_the_callers_to_close(path: Path) -> None:
    with closing(open_database(path)) as db:
        db.execute("INSERT INTO counters VALUES ('a', 1)")
    with closing(connect(path)) as db:
        assert db.execute("SELECT * FROM counters").fetchall() == [("a", 1)]
