"""Hosts whose processors differ: guests get what all have, and go nowhere where something is missing."""

from innkeeper.commands import migration, vms
from innkeeper.commands.hosts import allocate, update_host
from innkeeper.lifecycle.machine import phase
from innkeeper.model.errors import Refusal
from innkeeper.sim.faults import NoFaults
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.zone import Zone

VM = "CPU=1\nMEMORY=64\nDISK=[TYPE=fs,SIZE=10]\nCPU_MODEL=[MODEL=host-model]"
OLD, NEW = {"lm", "sse2"}, {"lm", "sse2", "aes"}
SETS = {"early": ["lm", "sse2"], "late": ["lm", "sse2", "aes"]}


async def zone_of(loop: VirtualLoop, **features: set[str]) -> Zone:
    zone = Zone(loop, NoFaults())
    await zone.start()
    for name, has in features.items():
        machine = zone.add_machine(name)
        machine.features = frozenset(has)
        machine.cpu_sets = {model: of for model, of in SETS.items() if set(of) <= has}
        await zone.do(lambda tx, of=name: allocate(tx, zone.admin, of, "dummy", "dummy", -1))
    await zone.until(zone.all_up, 60, "the hosts are up")
    return zone


async def started(zone: Zone, host: int) -> int:
    number = await zone.do(lambda tx: vms.allocate(tx, zone.admin, VM, True))
    await zone.do(lambda tx: vms.deploy_on(tx, zone.admin, number, host, False, -1))
    await zone.until(lambda: phase(zone.world.vms[number]) == "RUNNING", 60, "it runs")
    return number


def test_a_guest_of_a_mixed_cluster_goes_anywhere_in_it() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await zone_of(loop, north=NEW, south=OLD)
        vm = await started(zone, 0)
        assert zone.world.vms[vm].processor == "lm,sse2"
        for host in (1, 0):
            await zone.do(lambda tx, to=host: migration.migrate(tx, zone.admin, vm, to, True))
            await zone.until(lambda: phase(zone.world.vms[vm]) == "RUNNING", 60, "it has arrived")
            assert zone.world.vms[vm].history[-1].host_id == host

    run(main, seed=1)


def test_a_host_that_joins_with_less_is_no_place_for_guests_with_more() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await zone_of(loop, north=NEW, south=NEW)
        vm = await started(zone, 0)
        assert zone.world.vms[vm].processor == "aes,lm,sse2"
        await zone.do(lambda tx: update_host(tx, zone.admin, 1, 'CPU_WITHOUT="aes"', 1))
        for lively in (True, False):
            try:
                await zone.do(lambda tx, how=lively: migration.migrate(tx, zone.admin, vm, 1, how))
            except Refusal as no:
                assert "lacks CPU features that the guest has: aes" in no.text
            else:
                raise AssertionError("a host that lacks a feature was accepted")
        assert phase(zone.world.vms[vm]) == "RUNNING"
        await zone.do(lambda tx: vms.act(tx, zone.admin, "reboot-hard", vm))
        later = await started(zone, 0)
        assert zone.world.vms[later].processor == "lm,sse2"

    run(main, seed=1)
