"""What operations that take a VM from one host to another share.

Such an operation's own host is the one that the VM goes to; `source` among its arguments is the one that it leaves,
which the VM's record names as `kept_on` as long as anything of it is there. Hosts deal with each other directly: the
one that gives opens a door for the key of the other, which comes in by it (docs/agent-protocol.md).
"""

from dataclasses import replace
from typing import Any

from innkeeper.lifecycle.descriptions import ask, ask_at
from innkeeper.lifecycle.engine import Ask, Note, Step
from innkeeper.lifecycle.kept import let_go, remove_at
from innkeeper.lifecycle.machine import move, phase
from innkeeper.lifecycle.messages import Instruction
from innkeeper.lifecycle.stays import returned, stamped
from innkeeper.model.indexes import security_groups_of
from innkeeper.model.objects import Host, Operation, Vm
from innkeeper.model.world import Transaction, World

from . import common, guard
from .common import vm_of

#: Names by which no other host can reach a machine.
_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
#: Seconds that files may be on their way.
FETCHING = 6 * 3600.0


def source_of(operation: Operation) -> int:
    """The host that the VM leaves."""
    return int(operation.args["source"])


def address_of(host: Host) -> str:
    """Where other hosts reach a host: on the network that was declared for that, else by its name."""
    own = str(host.facts.get("hostname")) if host.name in _OWN_NAMES else host.name
    return host.template.get("MIGRATION_ADDRESS") or own


def _peer(world: World, operation: Operation, step: str) -> dict[str, Any]:
    """How the host that gives is reached."""
    host = world.hosts[source_of(operation)]
    port = operation.results.get(step, {}).get("port", 0)
    return {"address": address_of(host), "port": port, "key": host.facts.get("peer_key")}


def peer_of(world: World, operation: Operation) -> dict[str, Any]:
    """How the door is reached that the source has opened."""
    return _peer(world, operation, "door")


def _give(world: World, operation: Operation) -> Instruction | None:
    if source_of(operation) == operation.host_id:
        return None
    key = world.hosts[operation.host_id].facts.get("peer_key")
    return ask_at(source_of(operation), operation, "vm.give", key=key)


def _fetch(world: World, operation: Operation) -> Instruction | None:
    if source_of(operation) == operation.host_id:
        return None
    return ask(operation, "vm.fetch", timeout=FETCHING, peer=peer_of(world, operation))


def note(name: str) -> Any:
    """A step's result is kept under a name."""

    def done(tx: Transaction, operation: Operation, result: dict[str, Any]) -> None:
        tx.change(operation, results={**operation.results, name: result})

    return done


def _drop(world: World, operation: Operation) -> Instruction | None:
    """Nothing left where it was to go; unless that is where it lies."""
    if source_of(operation) == operation.host_id:
        return None
    return ask(operation, "vm.remove")


NETWORKS = Step(
    "networks",
    why=common.NETWORKS.why + "; its undo, the last one, removes whatever there is of the VM there",
    do=common.ensure_networks,
    undo=_drop,
)
DISKS = Step(
    "disks",
    why="what the VM's disks are layers on must be there before they come; other hosts' bases are the same",
    do=common.ensure_disks,
)
DOOR = Step(
    "door",
    why="before the fetching, which goes through it; open for the other host's key alone",
    do=_give,
    done=note("door"),
)
FETCH = Step(
    "fetch",
    why="the longest part and the likeliest to fail: before anything runs there, while all is still here",
    do=_fetch,
)


def on_there(shown: Note, booting: Note, context: Ask, start: Ask, end: Ask) -> tuple[Step, ...]:
    """The steps by which a VM's files come to a host and it goes on there: what they show, and what they ask."""
    return (
        replace(NETWORKS, enter=shown),
        DISKS,
        DOOR,
        FETCH,
        Step(
            "context",
            why="after the files, among which an older one came; before the guest, which reads it as it boots",
            do=context,
        ),
        Step(
            "guest",
            why="last: from here on it may write there; should it fail, it begins again with what was kept",
            do=start,
            undo=end,
            enter=booting,
            done=common.note_domain,
        ),
    )


def start(world: World, operation: Operation, *, saved: bool) -> Instruction:
    """The guest runs there: with its memory, or anew."""
    if saved:
        return ask(operation, "domain.restore", timeout=300.0)
    return common.ensure_domain(world, operation)


def goes_on(tx: Transaction, operation: Operation) -> None:
    """Its guest runs there; nothing is needed any more of what was kept."""
    let_go(tx, vm_of(tx.world, operation))
    common.now_running(tx, operation)


def failed(tx: Transaction, operation: Operation) -> None:
    """It is in the failure state of the phase in which it was; what it had is kept where it came from."""
    vm = common.note_error(tx, vm_of(tx.world, operation), operation.failure)
    move(tx, vm, f"{phase(vm)}_FAILURE", deploy_id="")


def back(tx: Transaction, operation: Operation, to: str, **fields: Any) -> Vm:
    """The VM is where it was before; what there may be of it where it was to go is removed."""
    vm = vm_of(tx.world, operation)
    if operation.failure:
        vm = common.note_error(tx, vm, operation.failure)
    source = source_of(operation)
    if operation.host_id != source:
        remove_at(tx, vm, operation.host_id)
    tx.wake = True
    vm = move(tx, vm, to, history=returned(tx, vm, source), kept_on=-1, **fields)
    _guard_again(tx, vm)
    return vm


def _guard_again(tx: Transaction, vm: Vm) -> None:
    """Rules that changed meanwhile were told where the VM was to go."""
    for number in sorted(security_groups_of(vm)):
        if number in tx.world.security_groups:
            guard.begin(tx, tx.world.security_groups[number], [vm.id])


def left_as(operation: Operation) -> str | None:
    """What became of the guest on the host that it was to leave, if that host saw it stop: the VM's phase."""
    shown = {"off": "POWEROFF", "crashed": "POWEROFF", "saved": "SUSPENDED"}
    return shown.get(str(operation.results.get("left")))


def arrived(tx: Transaction, operation: Operation, to: str, **fields: Any) -> None:
    """The VM is on its new host, and gone from the old one."""
    vm = let_go(tx, vm_of(tx.world, operation))
    history = stamped(vm, petime=vm.history[-1].petime or tx.second)
    if to == "RUNNING":
        history = (*history[:-1], stamped(vm, rstime=tx.second, petime=history[-1].petime)[-1])
    move(tx, vm, to, history=history, **fields)
