"""Seconds to lease a whole /20 network: 4,094 VMs with one NIC each, and one VM more with as many as it may have.

Processor time of this process, so that others on the machine do not count; without a disk. "no NIC" is the same VMs
without one: what is left is the leases' own.

Run: ``python bench/micro_leases.py``
"""

import time

from innkeeper.commands import bootstrap, networks, vms
from innkeeper.commands.auth import caller_of
from innkeeper.commands.core import Core
from innkeeper.model.clock import SystemClock
from innkeeper.model.world import Transaction
from innkeeper.store.memory import MemoryJournal

POOL = 4094
NETWORK = f"NAME=large\nVN_MAD=dummy\nBRIDGE=br0\nAR=[TYPE=IP4,IP=10.32.0.1,SIZE={POOL}]"


def zone() -> Core:
    """A zone with a network that has a /20's addresses."""
    core = Core(MemoryJournal(), SystemClock())
    core.transact(lambda tx: bootstrap.first_start(tx, "", "zone", "/ds", simulate=True))
    core.transact(lambda tx: networks.allocate(tx, caller_of(tx.world.users[0]), NETWORK, -1))
    return core


def made(text: str) -> float:
    """Seconds for as many VMs as the network has addresses."""
    core = zone()
    admin = caller_of(core.world.users[0])

    def one(tx: Transaction) -> int:
        return vms.allocate(tx, admin, text, True)

    began = time.process_time()
    for _ in range(POOL):
        core.transact(one)
    took = time.process_time() - began
    addresses = {nic["IP"] for vm in core.world.vms for nic in vm.nics}
    assert len(addresses) == (POOL if "NIC" in text else 0)
    return took


def main() -> None:
    """Prints the table."""
    text = "CPU=0.1\nMEMORY=64\n"
    leased, bare = made(f"{text}NIC=[NETWORK=large]"), made(text)
    print(f"{POOL} VMs with a lease each: {leased:.2f} s of CPU ({POOL / leased:,.0f}/s)")
    print(f"as many VMs with no NIC:    {bare:.2f} s of CPU")


if __name__ == "__main__":
    main()
