"""What documents and calls cost: first render, from the cache, pools, and one.vm.info as a whole call.

python bench/micro_documents.py [VMS]
"""

import asyncio
import gc
import sys
import time
import xmlrpc.client
from collections.abc import Callable
from typing import Any

from innkeeper.api.xmlrpc.documents import vms as documents
from innkeeper.api.xmlrpc.service import XmlRpc
from innkeeper.api.xmlrpc.wire import parse_call
from innkeeper.commands import bootstrap
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.core import Core
from innkeeper.commands.monitoring import Monitoring
from innkeeper.model.clock import SystemClock
from innkeeper.model.objects import History, Vm
from innkeeper.model.permissions import SYSTEM
from innkeeper.model.states import LcmState, VmState
from innkeeper.model.world import Transaction
from innkeeper.store.memory import MemoryJournal
from innkeeper.store.samples import Samples

TEMPLATE = """
CPU = 0.5
MEMORY = 256
VCPU = 1
LOGO = "images/logos/linux.png"
DESCRIPTION = "A guest of the size that most guests have"
OS = [ ARCH = x86_64, BOOT = "disk0" ]
GRAPHICS = [ TYPE = vnc, LISTEN = 0.0.0.0 ]
CONTEXT = [ NETWORK = YES, SSH_PUBLIC_KEY = "$USER[SSH_PUBLIC_KEY]", START_SCRIPT = "echo started" ]
DISK = [ TYPE = fs, SIZE = 1024, FORMAT = qcow2 ]
DISK = [ TYPE = swap, SIZE = 512 ]
NIC = [ NETWORK_ID = 0 ]
"""
NETWORK = (
    "NAME = n\nVN_MAD = dummy\nBRIDGE = br0\nAR = [ TYPE = IP4, IP = 10.0.0.1, SIZE = 100000 ]"
)
FIGURES = {
    "CPU": 12.5, "MEMORY": 262144, "NETRX": 123456, "NETTX": 654321, "DISKRDBYTES": 1 << 20,
    "DISKWRBYTES": 1 << 21, "DISKRDIOPS": 100, "DISKWRIOPS": 200,
}  # fmt: skip


class PlainPasswords:
    """The hash is no part of what is measured: sessions are remembered."""

    def hash(self, password: str) -> str:
        return password

    def verify(self, stored: str, password: str) -> bool:
        return stored == password


async def gathered(document: Any) -> bytes:
    return (
        document if isinstance(document, bytes) else b"".join([piece async for piece in document])
    )


async def filled(count: int) -> tuple[Core, XmlRpc]:
    core = Core(MemoryJournal(), SystemClock())
    auth = Authenticator(core.world, core.clock, PlainPasswords(), core.blocking)
    samples = Samples()
    monitoring = Monitoring(core.world, samples, core.clock)
    await core.run(lambda tx: bootstrap.first_start(tx, "pw", "zone", "/ds", simulate=True))
    rpc = XmlRpc(core, auth, monitoring, datastore_root="/ds")
    await rpc("one.vn.allocate", ["oneadmin:pw", NETWORK, -1])
    for _ in range(count):
        await rpc("one.vm.allocate", ["oneadmin:pw", TEMPLATE])
    core.transact(run_all)
    samples.append(int(core.clock.time()), ((Vm.KIND, vm.id, FIGURES) for vm in core.world.vms))
    return core, rpc


def run_all(tx: Transaction) -> None:
    """All VMs run on some host, as far as documents tell."""
    for vm in list(tx.world.vms):
        stay = History(
            seq=0, host_id=vm.id % 100, hostname=f"host-{vm.id % 100}", cluster_id=0, vm_mad="kvm",
            tm_mad="qcow2", ds_id=0, stime=tx.second, pstime=tx.second, petime=tx.second, rstime=tx.second,
        )  # fmt: skip
        tx.change(vm, state=VmState.ACTIVE, lcm_state=LcmState.RUNNING, history=(stay,))


async def timed(work: Callable[[], Any], times: int) -> float:
    """Best CPU seconds of some rounds, for one time."""
    best = float("inf")
    for _ in range(5):
        gc.collect()
        began = time.process_time()
        for _ in range(times):
            await work()
        best = min(best, (time.process_time() - began) / times)
    return best


async def main(count: int) -> None:
    core, rpc = await filled(count)
    view, vms = rpc.desk.view, list(core.world.vms)[:1000]
    began = time.process_time()
    bodies = [documents.long_parts(view, SYSTEM, vm, all_history=True) for vm in vms]
    first = (time.process_time() - began) / len(vms)
    size = sum(len(part) for parts in bodies for part in parts) / len(vms)
    began = time.process_time()
    for vm in vms:
        documents.long_parts(view, SYSTEM, vm, all_history=True)
    again = (time.process_time() - began) / len(vms)
    print(
        f"long body of a VM: {size:.0f} bytes, first {first * 1e6:.1f} µs, kept {again * 1e6:.1f} µs"
    )

    call = xmlrpc.client.dumps(("oneadmin:pw", 3, False), "one.vm.info").encode()

    async def info() -> None:
        name, params = parse_call(call)
        await gathered(await rpc(name, params))

    print(f"one.vm.info, parsed and authenticated: {await timed(info, 2000) * 1e6:.1f} µs")
    for method, start, end in (
        ("infoextended", 0, 999), ("infoextended", -1, -1), ("info", 0, 999), ("info", -1, -1),
    ):  # fmt: skip
        params: list[Any] = ["oneadmin:pw", -2, start, end, -1]
        length = 0

        async def pool(method: str = method, params: list[Any] = params) -> None:
            nonlocal length
            length = len(await gathered(await rpc(f"one.vmpool.{method}", params)))

        seconds = await timed(pool, 1)
        shown = len(core.world.vms) if start < 0 else min(1000, len(core.world.vms))
        print(f"one.vmpool.{method} of {shown}: {seconds * 1e3:.1f} ms, {length / 1e6:.1f} MB")
    print(f"cache: {len(view.cache)} documents, {view.cache.size / 1e6:.0f} MB")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
