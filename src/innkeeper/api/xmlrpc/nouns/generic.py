"""Methods that many nouns have."""

from collections.abc import Callable
from typing import Any

from innkeeper.api.xmlrpc.methods import CHMOD, CHOWN, ID, LOCK, RENAME, Method, Work, change
from innkeeper.commands import common, locks
from innkeeper.model.objects import Image, Network, Owned, Record, Vm, VmTemplate
from innkeeper.model.permissions import Caller
from innkeeper.model.world import Transaction


def chmod(prefix: str, kind: type[Owned]) -> Method:
    """`<prefix>.chmod`: nine permission bits."""

    def command(tx: Transaction, caller: Caller, object_id: int, *bits: int) -> int:
        return common.chmod(tx, caller, kind, object_id, bits)

    text = "Sets (1), clears (0) or keeps (-1) the nine permission bits: use, manage, admin of owner, group, others."
    return Method(f"{prefix}.chmod", CHMOD, change(command), text)


def chown(prefix: str, kind: type[Owned]) -> Method:
    """`<prefix>.chown`: owner and group."""
    return Method(
        f"{prefix}.chown", CHOWN, _of(common.chown, kind), "Sets owner and group; -1 keeps one."
    )


def rename(prefix: str, kind: type[Owned]) -> Method:
    """`<prefix>.rename`."""
    return Method(f"{prefix}.rename", RENAME, _of(common.rename, kind), "Gives another name.")


def lock(prefix: str, kind: type[Vm | Image | Network | VmTemplate]) -> tuple[Method, Method]:
    """`<prefix>.lock` and `<prefix>.unlock`."""
    locking = "Locks: 1 use, 2 manage, 3 admin, 4 all; with test only tells whether it is locked."
    return (
        Method(f"{prefix}.lock", LOCK, _of(locks.lock, kind), locking),
        Method(f"{prefix}.unlock", (ID,), _of(locks.unlock, kind), "Unlocks."),
    )


def _of(command: Callable[..., int], kind: type[Record]) -> Work:
    """A command that takes the kind after the caller, for one kind."""

    def of_kind(tx: Transaction, caller: Caller, *arguments: Any) -> int:
        return command(tx, caller, kind, *arguments)

    return change(of_kind)
