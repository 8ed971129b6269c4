"""Stories: a day in a zone of 50 hosts and 500 VMs with faults of every kind, told by a seed.

A story fails by itself when an invariant is broken (`sim/invariants.py`) or the zone does not come to rest
(`sim/rest.py`).
`python -m innkeeper.sim --seed N` tells a failing one again.
"""

import os
import subprocess
import sys

import pytest

from innkeeper.sim.story import Setting, StoryFailed, tell

#: How many seeds; the first is always 1, so that what failed once is told again.
SEEDS = int(os.environ.get("INN_SEEDS", "1000"))
CHUNK = 25


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, SEEDS + 1, CHUNK), ids=lambda first: f"seeds-{first}")
def test_stories_end_well(first: int) -> None:
    failed = []
    for seed in range(first, min(first + CHUNK, SEEDS + 1)):
        try:
            outcome = tell(seed)
        except StoryFailed as failure:
            failed.append(str(failure))
        else:
            assert outcome.events > 1000
            assert outcome.befallen > 0
    assert not failed, "\n\n".join(failed)


def test_the_same_seed_has_the_same_log_in_another_process() -> None:
    """Byte for byte: the hash of the whole event log, told with another order of hashes."""
    setting = Setting(hosts=12, vms=80)
    told = tell(7, setting).log
    program = "from innkeeper.sim.story import Setting, tell; print(tell(7, Setting(hosts=12, vms=80)).log)"
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        again = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert again.stdout.strip() == told


def test_another_seed_has_another_log() -> None:
    setting = Setting(hosts=12, vms=80)
    assert tell(7, setting).log != tell(8, setting).log
