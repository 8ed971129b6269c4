"""Writes the database of this release for later releases to open: run it once before a release.

python -m tests.store.make_fixture tests/store/fixtures/<release>.db
"""

import sys
from contextlib import closing
from pathlib import Path

from innkeeper.store.samples import Samples
from innkeeper.store.sqlite import SqliteJournal
from innkeeper.store.tiers import Tier
from tests.store.histories import Desk, batch_of

BATCHES = 12


def main() -> None:
    path, desk = Path(sys.argv[1]), Desk()
    with closing(SqliteJournal(path, desk.call_soon)) as journal:
        for n in range(1, BATCHES + 1):
            journal.append(batch_of(n), desk.done(n))
        samples = Samples(journal, kept=(Tier("samples", 1, 100),))
        for ts in (1000, 1001):
            samples.append(ts, [("vm", 1, {"cpu": 0.5, "memory": 2048})])
    desk.wait_for(BATCHES)
    path.with_name(path.name + ".lock").unlink()


if __name__ == "__main__":
    main()
