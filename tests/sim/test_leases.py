"""Addresses in virtual time: whole pools handed out to crowds, moved, given back; never one of them twice."""

import asyncio
import ipaddress
import itertools
import random
from collections.abc import Callable

import pytest

from innkeeper.commands import networks, nics, vms
from innkeeper.model import addresses
from innkeeper.model.errors import Refusal
from innkeeper.model.objects import Vm
from innkeeper.model.states import VmState
from innkeeper.model.world import Transaction
from innkeeper.sim.faults import NoFaults
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.zone import Zone

#: A /20 without its first and last address.
POOL = 4094
#: NICs of each VM that takes a share of it.
SHARE = 64
LARGE = f"NAME=large\nVN_MAD=dummy\nBRIDGE=br0\nNETWORK_MASK=255.255.240.0\nAR=[TYPE=IP4,IP=10.32.0.1,SIZE={POOL}]"
DUAL = (
    "NAME=dual\nVN_MAD=dummy\nBRIDGE=br1\nAR=[TYPE=IP4_6,IP=10.40.0.1,SIZE=40,GLOBAL_PREFIX=2001:db8:1::]\n"
    "AR=[TYPE=IP6_STATIC,IP6=2001:db8:2::10,PREFIX_LENGTH=64,SIZE=40]\nAR=[TYPE=IP4,IP=10.41.0.1,SIZE=40]"
)


async def furnished(loop: VirtualLoop, *texts: str) -> Zone:
    zone = Zone(loop, NoFaults(), commit_time=0.01)
    await zone.start()
    await zone.add_host("north", 64, 1 << 30)
    for text in texts:
        await zone.do(lambda tx, t=text: networks.allocate(tx, zone.admin, t, -1))  # type: ignore[misc]
    await zone.until(zone.all_up, 60, "the host is up")
    return zone


def wanting(number: int, network: str = "large") -> str:
    return "CPU=0.01\nMEMORY=1\n" + f"NIC=[NETWORK={network}]\n" * number


def held_by_all(zone: Zone, name: str) -> list[str]:
    """Addresses of a kind that VMs hold."""
    live = (vm for vm in zone.world.vms if vm.state is not VmState.DONE)
    return [nic[name] for vm in live for nic in (*vm.nics, *vm.aliases) if name in nic]


def test_a_pool_of_a_twentieth_is_handed_out_to_a_crowd_whole_and_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop, LARGE)

        async def one() -> bool:
            try:
                await zone.do(lambda tx: vms.allocate(tx, zone.admin, wanting(SHARE), True))
            except Refusal as refusal:
                assert "has no free address" in refusal.text
                return False
            return True

        # Sixty-four ask for 64 each, at once: two addresses are missing for the last one, which gets none at all.
        answers = await asyncio.gather(*(one() for _ in range(SHARE)))
        assert sorted(answers) == [False, *[True] * (SHARE - 1)]
        await zone.do(lambda tx: vms.allocate(tx, zone.admin, wanting(SHARE - 2), True))
        found = held_by_all(zone, "IP")
        first = int(ipaddress.IPv4Address("10.32.0.1"))
        assert sorted(int(ipaddress.IPv4Address(ip)) for ip in found) == [
            *range(first, first + POOL)
        ]
        assert len(set(held_by_all(zone, "MAC"))) == POOL
        network = zone.world.networks[0]
        assert addresses.used_count(zone.world, network) == POOL
        with pytest.raises(Refusal, match="has no free address"):
            await zone.do(lambda tx: vms.allocate(tx, zone.admin, wanting(1), True))
        await zone.do(lambda tx: vms.act(tx, zone.admin, "terminate-hard", 0))
        assert await one()
        zone.checker.full()

    run(main, seed=1)


def test_an_address_floats_from_vm_to_vm_in_less_than_a_second() -> None:
    """It is taken from one and given to the other: two changes of two steps, each a word with a host."""

    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop, LARGE)
        for _ in range(2):
            await zone.do(lambda tx: vms.allocate(tx, zone.admin, wanting(1), False))
        await zone.until(lambda: all(vm.running for vm in zone.world.vms), 60, "they run")
        alias = "NIC_ALIAS=[NETWORK=large,PARENT=NIC0,IP=10.32.15.254]"
        await zone.do(lambda tx: nics.attach(tx, zone.admin, 0, alias))
        await settled(zone)
        began, here, there = loop.time(), 0, 1
        for _ in range(10):
            number = int(zone.world.vms[here].aliases[0]["NIC_ID"])
            with pytest.raises(Refusal, match=r"10\.32\.15\.254 of network 0 is not free"):
                await zone.do(lambda tx, to=there: nics.attach(tx, zone.admin, to, alias))  # type: ignore[misc]
            await zone.do(lambda tx, of=here, n=number: nics.detach(tx, zone.admin, of, n))  # type: ignore[misc]
            await settled(zone)
            await zone.do(lambda tx, to=there: nics.attach(tx, zone.admin, to, alias))  # type: ignore[misc]
            await settled(zone)
            assert [len(zone.world.vms[vm].aliases) for vm in (here, there)] == [0, 1]
            here, there = there, here
        assert loop.time() - began < 10 * 1.0
        zone.checker.full()

    run(main, seed=2)


async def settled(zone: Zone) -> None:
    """Waits until nothing is under way, and looks more often than `until` does."""
    for _ in range(10_000):
        if zone.idle():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never ends")


def test_ten_thousand_leases_of_both_kinds_are_never_given_twice() -> None:
    """VMs come and go, addresses are held, released, asked for by name, by five people at once."""

    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop, DUAL)
        chance = loop.random
        operations = 0

        async def person() -> None:
            nonlocal operations
            while operations < 10_000:
                operations += 1
                change = something(zone, chance)
                try:
                    if chance.random() < 0.02:
                        await zone.do(change)
                    else:
                        zone.living.core.transact(change)
                except Refusal:
                    continue

        await asyncio.gather(*(person() for _ in range(5)))
        for name in ("IP", "IP6", "IP6_GLOBAL", "MAC"):
            found = held_by_all(zone, name)
            assert len(found) == len(set(found))
        zone.check_alive()
        zone.checker.full()

    run(main, seed=3)


def something(zone: Zone, chance: random.Random) -> Callable[[Transaction], int]:
    """A lease is wanted, or given back."""
    admin, roll = zone.admin, chance.random()
    last = itertools.islice(reversed(zone.world.vms.rows.values()), 120)
    live = [vm for vm in last if vm.state is not VmState.DONE]
    ip = f"10.{chance.choice((40, 41))}.0.{chance.randrange(1, 45)}"
    if roll < 0.4 or not live:
        chosen = f",IP={ip}" if chance.random() < 0.3 else ""
        text = "CPU=0.01\nMEMORY=1\n" + f"NIC=[NETWORK=dual{chosen}]\n" * chance.randrange(1, 4)
        return lambda tx: vms.allocate(tx, admin, text, True)
    vm: Vm = chance.choice(live)
    if roll < 0.75:
        return lambda tx: vms.act(tx, admin, "terminate-hard", vm.id)
    if roll < 0.9:
        return lambda tx: networks.hold(tx, admin, 0, f"LEASES=[IP={ip}]")
    return lambda tx: networks.release(tx, admin, 0, f"LEASES=[IP={ip}]")
