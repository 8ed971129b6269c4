"""Redirects: ports of the front end that lead, for a time, to a port of a VM on a private network.

They are part of the VM's record: nobody has to think of them when the VM ends. `daemon/redirects.py` serves them.
"""

from collections.abc import Collection

import msgspec

from innkeeper.model.errors import Code, Mistake, Refusal, bad_argument, must_be, wrong_state
from innkeeper.model.objects import Redirect, Vm
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.states import VmState
from innkeeper.model.world import Transaction, World

from .common import need

#: Redirects that a VM has at most.
MOST = 32


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What redirects may be: on which addresses of the front end (the first is the usual one), on ports from `first`
    to `last`, for how many seconds at most, and for whom ("everyone", "administrators" or "nobody")."""

    addresses: tuple[str, ...] = ("127.0.0.1",)
    first: int = 20000
    last: int = 24999
    longest: float = 604_800.0
    who: str = "everyone"


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller asks for: the port `to` of a VM, behind its NIC `nic` (-1: its first one), for `seconds`.

    On the front end it is `port` of `address`; 0 and "" leave the choice to us.
    """

    to: int
    nic: int = -1
    seconds: float = 8 * 3600.0
    address: str = ""
    port: int = 0


def add(
    tx: Transaction,
    caller: Caller,
    vm_id: int,
    wish: Wish,
    limits: Limits,
    avoid: Collection[int] = (),
) -> Redirect:
    """A new redirect. Of the ports that we may choose from, it has none of `avoid`."""
    vm = need(tx.world, Vm, vm_id, caller, Right.MANAGE)
    _check_allowed(caller, vm, limits)
    made = Redirect(
        id=tx.new_id(Redirect),
        nic=_nic(vm, wish.nic),
        to=_between("to", wish.to, 1, 65535, vm_id),
        address=_address(wish.address, limits, vm_id),
        port=_port(tx.world, wish.port, limits, avoid, vm_id),
        until=tx.now + _between("seconds", wish.seconds, 1, limits.longest, vm_id),
        uid=caller.uid,
    )
    tx.change(vm, redirects=(*vm.redirects, made))
    told = {"port": made.port, "to": made.to, "nic": made.nic, "until": made.until}
    tx.log(vm, "redirect added", redirect=made.id, **told, by=caller.uid)
    return made


def _check_allowed(caller: Caller, vm: Vm, limits: Limits) -> None:
    if limits.who == "nobody" or (limits.who == "administrators" and not caller.admin):
        text = f"User [{caller.uid}] : Not authorized to make redirects (redirects.who is {limits.who})."
        raise Refusal(Code.AUTHORIZATION, text, vm.id)
    if vm.state is VmState.DONE:
        raise wrong_state(f"Nothing can lead to VM {vm.id}: it is DONE", vm.id)
    if len(vm.redirects) >= MOST:
        raise wrong_state(f"VM {vm.id} has {MOST} redirects already", vm.id)


def _nic(vm: Vm, number: int) -> int:
    """The NIC that is meant, which must have an address."""
    has = [int(nic["NIC_ID"]) for nic in vm.nics if "MAC" in nic]
    if number < 0 and has:
        return has[0]
    if number not in has:
        shown = ", ".join(map(str, has)) or "none"
        raise wrong_state(f"VM {vm.id} has no NIC {max(number, 0)} (it has: {shown}).", vm.id)
    return number


def _between(name: str, value: float, least: float, most: float, vm_id: int) -> int:
    if not least <= value <= most:
        raise bad_argument(Mistake(name, f"from {least:g} to {most:g}", f"{value:g}"), vm_id)
    return int(value)


def _address(wanted: str, limits: Limits, vm_id: int) -> str:
    if wanted and wanted not in limits.addresses:
        known = ", ".join(limits.addresses)
        raise bad_argument(must_be("address", f"one of {known}", wanted[:60]), vm_id)
    return wanted or limits.addresses[0]


def _port(world: World, wanted: int, limits: Limits, avoid: Collection[int], vm_id: int) -> int:
    taken = world.redirects.ports
    if wanted:
        _between("port", wanted, limits.first, limits.last, vm_id)
        if wanted in taken:
            raise wrong_state(f"Port {wanted} leads to another VM already", vm_id)
        return wanted
    for port in range(limits.first, limits.last + 1):
        if port not in taken and port not in avoid:
            return port
    raise wrong_state(f"No port from {limits.first} to {limits.last} is free", vm_id)


def remove(tx: Transaction, caller: Caller, vm_id: int, number: int) -> int:
    """Ends a redirect before its time."""
    vm = need(tx.world, Vm, vm_id, caller, Right.MANAGE)
    if all(redirect.id != number for redirect in vm.redirects):
        text = f"Error getting redirect [{number}] of virtual machine [{vm_id}]."
        raise Refusal(Code.NO_EXISTS, text, number)
    drop(tx, vm_id, number, "asked for", by=caller.uid)
    return vm_id


def drop(tx: Transaction, vm_id: int, number: int, why: str, **more: int) -> None:
    """Ends a redirect, if it is there."""
    vm = tx.world.vms[vm_id]
    left = tuple(redirect for redirect in vm.redirects if redirect.id != number)
    if left != vm.redirects:
        tx.change(vm, redirects=left)
        tx.log(vm, "redirect removed", redirect=number, why=why, **more)


def outlived(vm: Vm, redirect: Redirect, now: float) -> str:
    """Why a redirect is to end; empty when it is not."""
    if redirect.until <= now:
        return "its time is over"
    if all(nic["NIC_ID"] != str(redirect.nic) for nic in vm.nics):
        return "its NIC is gone"
    return ""
