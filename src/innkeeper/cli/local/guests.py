"""Guests on their way up and down, as `inn up` and `inn down` watch them."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import NamedTuple

from innkeeper.cli import document
from innkeeper.cli.client import Client
from innkeeper.cli.document import Element, text_at
from innkeeper.cli.errors import CliError, Refused
from innkeeper.cli.local import objects
from innkeeper.cli.local.progress import Progress
from innkeeper.cli.names import pool_members

Note = Callable[[list[int]], None]

BOOT_SECONDS = 600
_SETTLE_SECONDS = 120
_POWEROFF_SECONDS = 60
RESUMABLE = frozenset({"POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED"})
_GOING_OFF = "SHUTDOWN_POWEROFF"
_SETTLED = ("RUNNING", "UNKNOWN", _GOING_OFF)
# States in which nothing of the VM runs on a host.
_QUIET = RESUMABLE | {"PENDING", "HOLD", "DONE", "CLONING", "CLONING_FAILURE"}


class Guest(NamedTuple):
    """A VM as far as it matters here."""

    number: int
    name: str
    state: str
    address: str
    host: str
    message: str

    @classmethod
    def read(cls, vm: Element) -> Guest:
        """From a VM's document."""
        history = vm.findall("HISTORY_RECORDS/HISTORY")
        return cls(
            number=int(text_at(vm, "ID")),
            name=text_at(vm, "NAME"),
            state=document.state_name(vm),
            address=text_at(vm, "TEMPLATE/NIC/IP"),
            host=text_at(history[-1], "HOSTNAME") if history else "",
            message=text_at(vm, "USER_TEMPLATE/ERROR")
            or text_at(vm, "USER_TEMPLATE/SCHED_MESSAGE"),
        )

    @property
    def failed(self) -> bool:
        return self.state.endswith("FAILURE")

    def __str__(self) -> str:
        return f"VM {self.number} {self.name}"


def look(client: Client, number: int) -> Guest:
    """The VM as it is now."""
    return Guest.read(objects.show(client, objects.VM, number))


def on_host(client: Client, host: str) -> list[Guest]:
    """The VMs that have something running on a host, or are just about to."""
    listed = (Guest.read(vm) for vm in pool_members(client, objects.VM))
    here = [guest for guest in listed if guest.host == host]
    return [guest for guest in here if guest.state not in _QUIET and not guest.failed]


def resume(client: Client, guest: Guest, progress: Progress) -> bool:
    """Start the VM again if it is off, and try again what failed before; whether it was so."""
    if guest.state in RESUMABLE:
        progress.say(f"{guest}: {guest.state}, resuming it")
        client.api.vms.resume(guest.number)
    elif guest.failed:
        progress.say(f"{guest}: {guest.state}, trying again")
        client.api.vms.recover(guest.number, operation="retry")
    else:
        return False
    return True


def wait_until_it_answers(client: Client, number: int, progress: Progress) -> Guest:
    """Until the guest itself says, over HTTP, that it has the name and address it was given.

    A VM that is off is started, once: that may come out only now, when its host has told what it
    runs after the front end had been away.
    """
    started = False

    def probe() -> Guest | None:
        nonlocal started
        guest = look(client, number)
        if not started and resume(client, guest, progress):
            started = True
            return None
        _complain_if_stuck(guest)
        if guest.state != "RUNNING":
            waiting = f" ({guest.message})" if guest.state == "PENDING" and guest.message else ""
            progress.say(f"{guest}: {guest.state}{waiting}")
            return None
        progress.say(f"{guest}: RUNNING on {guest.host}, waiting for {guest.address} to answer")
        return guest if says_who_it_is(guest) else None

    guest = progress.wait("the guest to answer", probe, BOOT_SECONDS)
    progress.say(f"{guest}: answers at {guest.address}")
    return guest


def _complain_if_stuck(guest: Guest) -> None:
    if guest.failed or guest.state in RESUMABLE | {"DONE"}:
        reason = guest.message or "no reason given, see `inn vm show`"
        raise CliError(f"{guest} did not start ({guest.state}): {reason}")
    if guest.state == "RUNNING" and not guest.address:
        raise CliError(f"{guest} has no address to answer at: no IPv4 NIC in its template")


def says_who_it_is(guest: Guest) -> bool:
    """Whether the small guest's page about itself names this VM and its address."""
    connection = http.client.HTTPConnection(guest.address, 80, timeout=3)
    try:
        connection.request("GET", "/cgi-bin/info")
        text = connection.getresponse().read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    lines = text.splitlines()
    has_address = any(line.startswith("addr=") and f":{guest.address}/" in line for line in lines)
    return f"hostname={guest.name}" in lines and has_address


def power_off_all(client: Client, host: str, progress: Progress, note: Note) -> None:
    """Power off what runs on the host: by the power button, and hard where that has no effect.

    The numbers of the VMs that are running are noted before: we may be interrupted.
    """
    guests = _settled(client, host, progress)
    running = [guest for guest in guests if guest.state != _GOING_OFF]
    note([guest.number for guest in running])
    if guests:
        seconds = f"{_POWEROFF_SECONDS} s"
        progress.say(f"guests may take {seconds} to shut down, then their power is cut")
    for guest in running:
        _power_off(client, guest, progress)
    _wait_quiet(client, host, guests, progress)
    stubborn = on_host(client, host)
    for guest in stubborn:
        _power_off(client, guest, progress, hard=True)
    _wait_quiet(client, host, stubborn, progress)


def _settled(client: Client, host: str, progress: Progress) -> list[Guest]:
    """The host's VMs, once none is in the middle of something (or it has taken too long)."""

    def probe() -> list[Guest] | None:
        guests = on_host(client, host)
        moving = [guest for guest in guests if guest.state not in _SETTLED]
        for guest in moving:
            progress.say(f"{guest}: {guest.state}")
        return None if moving else guests

    try:
        return progress.wait("the VMs to settle", probe, _SETTLE_SECONDS)
    except CliError:
        return on_host(client, host)


def _power_off(client: Client, guest: Guest, progress: Progress, *, hard: bool = False) -> None:
    progress.say(f"{guest}: poweroff{'-hard' * hard}")
    try:
        act = client.api.vms.poweroff_hard if hard else client.api.vms.poweroff
        act(guest.number)
    except Refused as refusal:
        progress.say(f"{guest}: {refusal}")


def _wait_quiet(client: Client, host: str, guests: list[Guest], progress: Progress) -> None:
    """Wait for the VMs to be off; it is no error here when they are not."""
    if not guests:
        return

    def probe() -> bool | None:
        busy = on_host(client, host)
        for guest in busy:
            progress.say(f"{guest}: {guest.state}")
        return None if busy else True

    try:
        progress.wait("the VMs to power off", probe, _POWEROFF_SECONDS)
    except CliError as late:
        progress.say(str(late))
