"""Live migration: a running guest goes to another host and hardly notices.

RUNNING -> MIGRATE -> RUNNING, on the new host; on the old one when it fails.

Theory of operation
-------------------
Until the guest is sent, nothing has happened to it and everything can be undone. Once it was told to be sent, only the
hosts know where it is. It arrives paused, and goes on only when it is gone from where it was, so that it never runs
twice. When sending fails, or nobody knows whether it has failed, `SETTLE` asks the old host to keep it if it still has
it. If that host cannot be asked, `LOOK` asks the new one: a guest that runs there has left the old one. Else nobody can
tell: the VM is UNKNOWN where it was, until that host is back.
"""

from innkeeper.lifecycle import engine
from innkeeper.lifecycle.descriptions import ask, ask_at
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.machine import move
from innkeeper.lifecycle.messages import Instruction
from innkeeper.lifecycle.stays import moved
from innkeeper.model.objects import Host, Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction, World

from . import common, moving
from .common import vm_of
from .moving import source_of

#: Seconds that a guest may be on its way.
SENDING = 6 * 3600.0


def _offer(world: World, operation: Operation) -> Instruction:
    key = world.hosts[operation.host_id].facts.get("peer_key")
    return ask_at(source_of(operation), operation, "migration.offer", key=key)


def _prepare(world: World, operation: Operation) -> Instruction:
    peer, offer = moving.peer_of(world, operation), operation.results.get("door", {})
    return ask(operation, "migration.prepare", timeout=600.0, peer=peer, offer=offer)


def _send(world: World, operation: Operation) -> Instruction:
    there = operation.results.get("there", {})
    # The key is how a simulated host knows the other one.
    there = {**there, "key": world.hosts[operation.host_id].facts.get("peer_key")}
    return ask_at(source_of(operation), operation, "migration.send", SENDING, there=there)


def _receive(world: World, operation: Operation) -> Instruction:
    sent = operation.args.get("sent", operation.generation)
    return ask(operation, "migration.receive", sent=sent)


def _arrived(tx: Transaction, operation: Operation) -> None:
    """It runs there; unless that host saw it stop meanwhile."""
    sent = operation.args.get("sent", operation.generation)
    if operation.results.get("seen") in ("off", "crashed"):
        moving.arrived(tx, operation, "POWEROFF", deploy_id="")
    else:
        moving.arrived(tx, operation, "RUNNING", guest_generation=sent)


def _failed(tx: Transaction, operation: Operation) -> None:
    if operation.results.get("failed_step") in ("send", "receive"):
        _settle(tx, operation)
    else:
        moving.back(tx, operation, moving.left_as(operation) or "RUNNING")


LIVE = register(
    Procedure(
        "live migrate",
        steps=(
            Step(
                "offer",
                why="first: what the guest is like, and the door by which the other host comes for it",
                do=_offer,
                enter=common.show("MIGRATE"),
                done=moving.note("door"),
            ),
            moving.NETWORKS,
            moving.DISKS,
            Step(
                "prepare",
                why="after the disks, which are made as large as the guest has them now; what the other host lacks "
                "(a CPU feature, for one) must show before anything happens to the guest",
                do=_prepare,
                done=moving.note("there"),
            ),
            Step(
                "send",
                why="the point of no return: from here on only the hosts know where the guest is; not tried again "
                "blindly for that reason",
                do=_send,
                retries=0,
                proof=True,
            ),
            Step(
                "receive",
                why="last: the guest goes on where it has arrived, once it is gone from where it was",
                do=_receive,
                proof=True,
            ),
        ),
        no_return="send",
        finish=_arrived,
        fail=_failed,
    )
)


# ---- where is it? ------------------------------------------------------------------------------


def _settle(tx: Transaction, operation: Operation) -> None:
    """Nobody knows whether the guest has left: the old host is asked, and keeps it if it still has it."""
    _start(tx, SETTLE, operation)


def _start(tx: Transaction, procedure: Procedure, operation: Operation) -> None:
    vm = common.note_error(tx, vm_of(tx.world, operation), operation.failure)
    vm = common.anew(tx, vm)
    engine.start(
        tx,
        procedure,
        vm,
        common.asker(operation),
        host_id=operation.host_id,
        generation=vm.generation,
        source=source_of(operation),
        sent=operation.args.get("sent", operation.generation),
    )


def _stay(world: World, operation: Operation) -> Instruction:
    return ask_at(source_of(operation), operation, "migration.stay", timeout=120.0)


def _receive_if_gone(world: World, operation: Operation) -> Instruction | None:
    gone = operation.results.get("here", {}).get("state") == "gone"
    return _receive(world, operation) if gone else None


def _settled(tx: Transaction, operation: Operation) -> None:
    here = operation.results.get("here", {}).get("state")
    if here == "gone":
        _arrived(tx, operation)
    elif here == "running":
        moving.back(tx, operation, "RUNNING")
    elif here == "paused":
        moving.back(tx, operation, "SUSPENDED")
    else:
        moving.back(tx, operation, "POWEROFF", deploy_id="")


def _unsettled(tx: Transaction, operation: Operation) -> None:
    if operation.results.get("failed_step") == "receive":  # it was lost between the two
        moving.back(tx, operation, "POWEROFF", deploy_id="")
    else:
        _start(tx, LOOK, operation)


SETTLE = register(
    Procedure(
        "settle",
        steps=(
            Step(
                "stay",
                why="first: the host that had the guest knows whether it has left, and lets it go no more",
                do=_stay,
                done=moving.note("here"),
                proof=True,
            ),
            Step(
                "receive",
                why="only if it has left: then it goes on where it has arrived",
                do=_receive_if_gone,
                proof=True,
            ),
        ),
        no_return="stay",
        finish=_settled,
        fail=_unsettled,
    )
)


def _look(world: World, operation: Operation) -> Instruction:
    return ask(operation, "migration.look")


def _seen_there(tx: Transaction, operation: Operation) -> None:
    if operation.results.get("there", {}).get("state") == "running":
        _arrived(tx, operation)
    else:
        _lost(tx, operation)


def _lost(tx: Transaction, operation: Operation) -> None:
    moving.back(tx, operation, "UNKNOWN")


LOOK = register(
    Procedure(
        "look",
        steps=(
            Step(
                "look",
                why="the only one: a guest that runs on the new host has left the old one, which cannot be asked",
                do=_look,
                done=moving.note("there"),
                proof=True,
            ),
        ),
        no_return="look",
        finish=_seen_there,
        fail=_lost,
    )
)


def begin(tx: Transaction, vm: Vm, host: Host, datastore_id: int, caller: Caller) -> None:
    """Takes the running guest to another host."""
    source = vm.history[-1].host_id
    vm = move(
        tx,
        common.anew(tx, vm),
        "MIGRATE",
        history=moved(tx, vm, host, datastore_id, VmAction.LIVE_MIGRATE, caller),
        kept_on=source,
        resched=False,
        user_template=vm.user_template.without("ERROR"),
    )
    engine.start(
        tx, LIVE, vm, caller, host_id=host.id, generation=vm.generation, source=source, **common.since("RUNNING")
    )  # fmt: skip
