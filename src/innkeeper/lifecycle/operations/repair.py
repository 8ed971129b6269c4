"""Repair: a host puts right what is not as its profile declares, as far as its agent can."""

from typing import Any

from innkeeper.lifecycle import engine, profiles
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.messages import Instruction
from innkeeper.model.objects import Host, Operation
from innkeeper.model.permissions import Caller
from innkeeper.model.profiles import told
from innkeeper.model.world import Transaction, World


def _repair(world: World, operation: Operation) -> Instruction:
    host = world.hosts[operation.target]
    args = {"profile": told(profiles.declared(world, host))}
    return Instruction(place=host.id, verb="profile.repair", args=args)


def _repaired(tx: Transaction, operation: Operation, result: dict[str, Any]) -> None:
    host = tx.world.hosts[operation.target]
    for each in profiles.deviations(result.get("repaired")):
        tx.log(host, "repaired", part=each.what, was=each.found, now=each.expected)
    profiles.seen(tx, host, profiles.deviations(result.get("drift")))


REPAIR = register(
    Procedure(
        "repair host",
        steps=(
            Step(
                "repair",
                why="the only one: each part is set as declared, again and again with one effect; there is no undo, "
                "because nobody wants back what was wrong",
                do=_repair,
                done=_repaired,
            ),
        ),
        no_return="repair",
        finish=engine.nothing,
        fail=engine.nothing,
    )
)


def begin(tx: Transaction, host: Host, caller: Caller) -> None:
    """Lets a host repair itself."""
    engine.start(tx, REPAIR, host, caller, host_id=host.id)
