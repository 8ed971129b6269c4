"""Stories: each must come to a good end. INN_SEEDS says how many seeds are told.

The same seed tells the same story to the byte, in any process.
"""

import os
import subprocess
import sys

import pytest

from innkeeper.commands import hosts
from innkeeper.model.errors import Refusal
from innkeeper.sim import __main__ as command
from innkeeper.sim.invariants import Violation
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.story import Setting, Story, StoryFailed, line, tell
from innkeeper.sim.zone import FrontEndDied, Zone

COUNT = int(os.environ.get("INN_SEEDS", "1000"))
#: Seeds in one test: so few that all workers end at about the same time, and that little is kept for its report.
CHUNK = 5
CHUNKS = [range(first, min(first + CHUNK, COUNT)) for first in range(0, COUNT, CHUNK)]

SMALL = Setting(hosts=5, vms=40, addresses=20, seconds=90, disasters=10, roughness=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", CHUNKS, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_a_story_of_fifty_hosts_and_five_hundred_vms_comes_to_a_good_end(seeds: range) -> None:
    for seed in seeds:
        told = tell(seed)
        assert told.befallen > 0
        assert told.transactions > 1000


@pytest.mark.parametrize("seed", range(10))
def test_so_does_a_small_one(seed: int) -> None:
    tell(seed, SMALL)


REMOTE = Setting(
    hosts=10, vms=80, addresses=30, seconds=90, disasters=15, roughness=0.08, remote=True
)


@pytest.mark.parametrize("seed", range(10))
def test_so_does_one_whose_people_come_through_the_api(seed: int) -> None:
    """The whole daemon: XML-RPC and HTTP calls side by side, to the ASGI application of whichever front end lives."""
    told = tell(seed, REMOTE)
    assert told.asked > 60


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_so_does_a_large_one_through_the_api(seed: int) -> None:
    tell(seed, Setting(remote=True))


def test_fine_weather_needs_no_luck() -> None:
    told = tell(1, Setting(hosts=5, vms=60, seconds=60, deaths=0, roughness=0.0, disasters=0))
    assert told.befallen == 0


# ---- the same seed, the same story ------------------------------------------------------------------


def event_log(seed: int, setting: Setting) -> bytes:
    async def main(loop: VirtualLoop) -> bytes:
        one = Story(loop, seed, setting)
        await one.tell()
        return b"\n".join(line(number, row) for number, row in one.zone.events())

    return run(main, seed=seed)


@pytest.mark.parametrize("setting", [SMALL, REMOTE], ids=["inside", "remote"])
def test_the_event_log_is_the_same_to_the_byte_each_time(setting: Setting) -> None:
    first, again = event_log(7, setting), event_log(7, setting)
    assert first == again
    assert first.count(b"\n") > 300


def test_other_seeds_tell_other_stories() -> None:
    assert len({tell(seed, SMALL).log for seed in range(4)}) == 4


@pytest.mark.slow
def test_a_full_story_is_the_same_in_another_process() -> None:
    """Whatever hashes texts are given there."""
    outputs = set()
    for salt in ("0", "1", "77"):
        done = subprocess.run(
            [sys.executable, "-m", "innkeeper.sim", "--seed", "5"],
            env={**os.environ, "PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout.rpartition(" [")[0])
    assert len(outputs) == 1
    assert outputs.pop() == str(tell(5))


# ---- the command -----------------------------------------------------------------------------------


def test_the_command_tells_one_line_a_seed(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--seed", "3", "--count", "2", "--hosts", "4", "--vms", "20", "--faults", "off"]
    assert command.main(args) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [text.split(":")[0] for text in lines] == ["seed 3", "seed 4"]


def test_a_bad_story_is_told_with_the_events_of_its_object(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def disagree(self: Story) -> None:
        raise Violation(("vm", 3), "is not what it seems")

    monkeypatch.setattr(Story, "_agree", disagree)
    args = ["--seed", "3", "--hosts", "4", "--vms", "20"]
    assert command.main(args) == 1
    first, *story = capsys.readouterr().out.splitlines()
    assert first == "FAILED seed 3: Violation: vm 3: is not what it seems"
    assert story
    assert all(" s  vm 3: " in text for text in story)


def test_a_defect_that_a_task_swallowed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def swallowed(self: Zone) -> None:
        raise LookupError("nobody heard of it")

    async def things(self: Story, number: int) -> None:
        self.loop.create_task(swallowed(self.zone))

    monkeypatch.setattr(Story, "_things_wanted", things)
    with pytest.raises(StoryFailed, match="LookupError: nobody heard of it"):
        tell(1, SMALL)


# ---- the zone ----------------------------------------------------------------------------------------


def test_callers_learn_that_the_front_end_died() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = Zone(loop, commit_time=5.0)
        await zone.start()
        work = loop.create_task(zone.add_host("north"))
        loop.call_later(1.0, zone.die)
        with pytest.raises(FrontEndDied):
            await work
        await zone.restart()
        assert len(zone.world.hosts) == 0
        with pytest.raises(Refusal):
            await zone.do(lambda tx: hosts.status(tx, zone.admin, 0, 1))

    run(main, seed=1)


def test_of_what_was_not_durable_a_disk_may_keep_some() -> None:
    """The first few, never a later one without those before it."""
    kept = set()

    async def main(loop: VirtualLoop) -> int:
        zone = Zone(loop, commit_time=5.0)
        await zone.start()
        admin = zone.admin
        for name in "abcd":
            zone.living.core.transact(
                lambda tx, name=name: hosts.allocate(tx, admin, name, "dummy", "dummy", -1)
            )
        zone.die(keep_some=True)
        for name in "abcd":
            zone.add_machine(name)
        await zone.restart()
        names = "".join(host.name for host in zone.world.hosts)
        assert "abcd".startswith(names)
        return len(names)

    for seed in range(30):
        kept.add(run(main, seed=seed))
    assert kept == {0, 1, 2, 3, 4}


def test_a_machine_outlives_its_front_end() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = Zone(loop)
        await zone.start()
        await zone.add_host("north")
        await zone.until(zone.all_up, 60, "the host is up")
        zone.die()
        assert zone.machines["north"].reachable
        await zone.restart()
        await zone.until(zone.all_up, 60, "the host is up")
        assert zone.deaths == 1

    run(main, seed=1)
