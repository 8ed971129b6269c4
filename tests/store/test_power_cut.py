"""Whatever cuts the journal off: what was answered is there, and nothing is there in half."""

import random
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from innkeeper.store.sqlite import SqliteJournal
from tests.store.histories import Desk, batch_of, last_whole_batch
from tests.store.power_cut import Act, Disk, record

PROGRAM = [sys.executable, "-m", "tests.store.power_cut_child"]
ROOT = Path(__file__).parents[2]

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


def last_in(path: Path) -> int:
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        return last_whole_batch(journal)


def test_a_killed_front_end_loses_nothing_that_it_said(tmp_path: Path) -> None:
    """Thirty lives on one database, each killed at a random moment after a random answer."""
    path, chance, reached = tmp_path / "zone.db", random.Random(2027), 0
    for _ in range(30):
        before = reached
        command = [*PROGRAM, str(path), "1000000", "full", str(chance.choice([0, 1, 8, 64]))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
            assert child.stdout
            for _ in range(chance.randint(1, 60)):
                reached = int(child.stdout.readline())
            for _ in range(chance.randint(0, 20_000)):
                pass  # somewhere inside the next commits
            child.send_signal(signal.SIGKILL)
            for line in child.stdout:
                reached = int(line)
        last = last_in(path)
        assert before < reached <= last
        reached = last
    assert reached > 300


def test_copies_taken_between_the_batches_open_whole(tmp_path: Path) -> None:
    """A copy of the files at rest is what a crash of the process leaves."""
    path, desk = tmp_path / "zone.db", Desk()
    with closing(SqliteJournal(path, desk.call_soon)) as journal:
        journal._db.execute("PRAGMA wal_autocheckpoint = 20")
        for n in range(1, 61):
            journal.append(batch_of(n), desk.done(n))
            desk.wait_for(n)
            copy = tmp_path / f"copy{n}"
            copy.mkdir()
            for file in ("zone.db", "zone.db-wal"):
                shutil.copy(tmp_path / file, copy / file)
            assert last_in(copy / "zone.db") == n


# A power cut: not only the process is gone, but all that was not synced.


def recorded(tmp_path: Path, batches: int, level: str, window: int) -> list[Act]:
    folder = tmp_path / f"{level}{window}"
    folder.mkdir()
    command = [*PROGRAM, str(folder / "zone.db"), str(batches), level, str(window)]
    acts = record(command, folder, tmp_path / "strace.log")
    assert sum(act.what == "say" for act in acts) == batches
    return acts


def power_cuts(acts: list[Act], folder: Path, cuts: int, seed: int) -> list[str]:
    """Cut the power at `cuts` moments spread over the run; what was wrong afterwards."""
    disk, chance, wrong = Disk(Path(acts[0].file).parent), random.Random(seed), []
    every = len(acts) / cuts
    for number, act in enumerate(acts):
        disk.do(act)
        for cut in range(int(number / every), int((number + 1) / every)):
            complaint = complaint_after(disk, folder, chance)
            if complaint:
                wrong.append(f"cut {cut} after call {number}: {complaint}")
    return wrong


def complaint_after(disk: Disk, folder: Path, chance: random.Random) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in disk.after_power_cut(chance).items():
        (folder / name).write_bytes(content)
    said = disk.said.split()
    try:
        last = last_in(folder / "zone.db")
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"{said[-1].decode()} was said, {last} is there" if last < len(said) else ""


@needs_strace
def test_the_model_follows_every_byte(tmp_path: Path) -> None:
    """Replaying all calls gives the very files that the program left."""
    acts = recorded(tmp_path, 80, "full", 0)
    folder = Path(acts[0].file).parent
    disk = Disk(folder)
    for act in acts:
        disk.do(act)
    left = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert disk.everything() == {name: left[name] for name in ("zone.db", "zone.db-wal")}
    checkpoints = [act for act in acts if act.what == "sync" and act.file.endswith("zone.db")]
    assert len(checkpoints) > 2


@needs_strace
@pytest.mark.parametrize("window", [0, 8])
def test_a_power_cut_loses_nothing_that_was_said(tmp_path: Path, window: int) -> None:
    acts = recorded(tmp_path, 80, "full", window)
    assert power_cuts(acts, tmp_path / "after", 250, seed=window) == []


@needs_strace
@pytest.mark.slow
def test_ten_thousand_power_cuts(tmp_path: Path) -> None:
    for window in (0, 1, 8, 64):
        acts = recorded(tmp_path, 400, "full", window)
        assert power_cuts(acts, tmp_path / "after", 2500, seed=window) == []


@needs_strace
def test_the_model_sees_a_journal_that_does_not_sync(tmp_path: Path) -> None:
    """The control: without the sync of each commit the same cuts do lose what was said."""
    acts = recorded(tmp_path, 80, "normal", 0)
    wrong = power_cuts(acts, tmp_path / "after", 100, seed=1)
    assert [complaint for complaint in wrong if "was said" in complaint]
