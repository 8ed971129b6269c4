"""A front end to be killed: writes batches on and on and says each one that was answered.

    python -m tests.store.power_cut_child <database> <batches> <full|normal> <window>

It goes on from the last batch in the database, keeps `window` batches waiting, writes samples
beside them, and ends without closing. `normal` leaves out the sync of each commit.
"""

import os
import sys
from pathlib import Path

from innkeeper.store.samples import Samples
from innkeeper.store.sqlite import SqliteJournal
from innkeeper.store.tiers import Tier
from tests.store.histories import Desk, batch_of, last_whole_batch


def main() -> None:
    path, count, level, window = sys.argv[1:]
    desk = Desk()
    journal = SqliteJournal(Path(path), desk.call_soon)
    # So that there are many checkpoints in a short life.
    journal._db.execute("PRAGMA wal_autocheckpoint = 40")
    samples = Samples(journal, kept=(Tier("samples", 1, 100),))
    last = last_whole_batch(journal)
    if level == "normal":
        journal._db.execute("PRAGMA synchronous = NORMAL")
    for step in range(1, int(count) + 1):
        journal.append(batch_of(last + step), desk.done(last + step))
        if level == "full" and step % 10 == 0:
            samples.append(10 * step, [("vm", n, {"cpu": step}) for n in range(50)])
        say(desk, max(0, step - int(window)))
    say(desk, int(count))
    os._exit(0)


def say(desk: Desk, count: int) -> None:
    """Wait for `count` answers in all and say the new ones, each in a system call of its own."""
    said = len(desk.answers)
    desk.wait_for(count)
    for n, failure in desk.answers[said:]:
        os.write(1, f"{n if failure is None else failure}\n".encode())


if __name__ == "__main__":
    main()
