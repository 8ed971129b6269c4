"""Backup jobs in virtual time: by hand, by the clock, several at once, and whoever dies meanwhile."""

import asyncio

import pytest

from innkeeper.commands import backupjobs, datastores, images, schedules, vms
from innkeeper.lifecycle.machine import phase
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.jobs import BackupJob
from innkeeper.sim.faults import NoFaults
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.zone import FrontEndDied, Zone


async def furnished(loop: VirtualLoop, count: int = 3, commit_time: float = 0.0) -> Zone:
    """A zone with VMs that run, two hosts, and a place for backups."""
    zone = Zone(loop, NoFaults(), commit_time)
    await zone.start()
    for name in ("north", "south"):
        await zone.add_host(name)
    store = "NAME=backups\nTYPE=BACKUP_DS\nDS_MAD=dummy"
    await zone.do(lambda tx: datastores.allocate(tx, zone.admin, store, -1, "/ds"))
    await zone.do(lambda tx: images.allocate(tx, zone.admin, "NAME=disk\nSIZE=9", 1, False, ()))
    await zone.until(zone.all_up, 60, "the hosts are up")
    text = "CPU=0.1\nMEMORY=64\nDISK=[IMAGE_ID=0]"
    for _ in range(count):
        await zone.do(lambda tx: vms.allocate(tx, zone.admin, text, False))
    await zone.until(lambda: all(phase(vm) == "RUNNING" for vm in zone.world.vms), 60, "all run")
    return zone


async def job(zone: Zone, more: str = "", vms: str = "0,1,2") -> int:
    text = f'NAME=nightly\nBACKUP_VMS="{vms}"\n{more}'
    return await zone.do(lambda tx: backupjobs.allocate(tx, zone.admin, text))


def record(zone: Zone, number: int = 0) -> BackupJob:
    return zone.world.table(BackupJob)[number]


def ended(zone: Zone) -> bool:
    return zone.front is not None and not record(zone).started and zone.idle()


async def begin(zone: Zone) -> None:
    await zone.do(lambda tx: backupjobs.backup(tx, zone.admin, 0))


@pytest.mark.parametrize("execution", ["SEQUENTIAL", "PARALLEL"])
def test_a_run_backs_up_all_its_vms(execution: str) -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        await job(zone, f"EXECUTION={execution}\nMODE=INCREMENT")
        most = 0

        def watch(_: object) -> None:
            nonlocal most
            most = max(most, len(record(zone).backing))

        zone.living.core.followers.append(watch)
        await begin(zone)
        await zone.until(lambda: ended(zone), 300, "the run has ended")
        done = record(zone)
        assert (sorted(done.updated), done.failed, done.outdated) == ([0, 1, 2], (), ())
        assert done.last_time and most == (1 if execution == "SEQUENTIAL" else 3)
        assert all(vm.backups and vm.backup_config["MODE"] == "INCREMENT" for vm in zone.world.vms)

    run(main, seed=1)


def test_what_cannot_be_backed_up_is_told_and_retried() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        await job(zone)
        await zone.do(lambda tx: vms.act(tx, zone.admin, "suspend", 1))
        await zone.until(lambda: phase(zone.world.vms[1]) == "SUSPENDED", 60, "it is suspended")
        await begin(zone)
        await zone.until(lambda: ended(zone), 300, "the run has ended")
        assert (sorted(record(zone).updated), record(zone).failed) == ([0, 2], (1,))
        assert "VM 1: " in (record(zone).template.get("ERROR") or "")
        await zone.do(lambda tx: vms.act(tx, zone.admin, "resume", 1))
        await zone.until(lambda: phase(zone.world.vms[1]) == "RUNNING", 60, "it runs")
        await zone.do(lambda tx: backupjobs.retry(tx, zone.admin, 0))
        await zone.until(lambda: ended(zone), 300, "the retry has ended")
        assert (sorted(record(zone).updated), record(zone).failed) == ([0, 1, 2], ())
        assert "ERROR" not in record(zone).template

    run(main, seed=2)


def test_a_run_by_the_clock() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        await job(zone)
        at = int(zone.living.core.clock.time()) + 600
        line = f"SCHED_ACTION=[TIME={at},REPEAT=3,DAYS=1]"
        await zone.do(lambda tx: schedules.add_to(tx, zone.admin, BackupJob, 0, line))
        await zone.until(lambda: record(zone).last_time >= at, 900, "it ran")
        await zone.until(lambda: ended(zone), 300, "it has ended")
        (action,) = record(zone).schedule
        assert (action.runs, action.time) == (1, at + 3600)
        await zone.until(lambda: record(zone).schedule[0].runs == 2, 4000, "it ran again")

    run(main, seed=3)


def test_a_vm_of_a_job_is_backed_up_by_it_alone() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop, 1)
        await job(zone, vms="0")
        for work in (
            lambda tx: backupjobs.backups.backup(tx, zone.admin, 0, -1, False),
            lambda tx: backupjobs.allocate(tx, zone.admin, "NAME=b\nBACKUP_VMS=0"),
        ):
            with pytest.raises(Refusal) as caught:
                await zone.do(work)
            assert caught.value.code is Code.INTERNAL and "backup job 0" in caught.value.text

    run(main, seed=4)


def test_a_run_is_cancelled() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop, commit_time=0.02)
        await job(zone, "EXECUTION=PARALLEL")
        await begin(zone)
        await asyncio.sleep(0.05)
        assert record(zone).backing
        await zone.do(lambda tx: backupjobs.cancel(tx, zone.admin, 0))
        assert (record(zone).started, record(zone).backing, record(zone).outdated) == (0, (), ())
        await zone.until(zone.idle, 120, "nothing is under way")
        assert all(phase(vm) == "RUNNING" for vm in zone.world.vms)

    run(main, seed=5)


@pytest.mark.parametrize("seed", range(8))
def test_a_front_end_that_dies_goes_on_with_the_run(seed: int) -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop, commit_time=0.02)
        await job(zone, "EXECUTION=PARALLEL" if seed % 2 else "")
        try:
            await begin(zone)
            await asyncio.sleep(loop.random.uniform(0.0, 0.4))
        except FrontEndDied:
            pass
        zone.die(keep_some=True)
        await zone.restart(after=1.0)
        await zone.until(zone.all_up, 120, "the hosts are up")
        await zone.until(lambda: ended(zone), 600, "the run has ended")
        assert sorted((*record(zone).updated, *record(zone).failed)) == [0, 1, 2]
        for number in record(zone).updated:
            assert zone.world.vms[number].backups

    run(main, seed=seed)
