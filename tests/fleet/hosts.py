"""Two hosts that must keep the same promises: the simulated one, and the packed agent with real guests."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from innkeeper.fleet.link import AgentError, Link
from innkeeper.fleet.local import open_local
from innkeeper.fleet.simulated import SimulatedHost, SimulatedLink
from innkeeper.host import pack
from tests.fleet.loops import run_real, until, within
from tests.host.guest_image import domain, network, overlay, write_guest_image

Message = dict[str, Any]
BRIDGE = "conform"


class Host:
    """A host under test: one link to it, and what it said by itself.

    Each test has numbers of its own for VMs, because a host remembers those that are gone.
    """

    _numbers = itertools.count(10, 10)

    def __init__(self, root: Path, base: Path) -> None:
        self._first = next(self._numbers)
        self.root = root
        self.base = base
        self.events: list[Message] = []
        self.link: Link

    def vm(self, which: int) -> int:
        """The number of one of this test's VMs."""
        return self._first + which

    async def open(self) -> Link:
        raise NotImplementedError

    async def connect(self) -> None:
        """Opens a link and says hello."""
        self.link = await self.open()
        await self.ask("hello", host=0, zone="tests", root=str(self.root))

    async def ask(self, verb: str, **args: Any) -> Message:
        return await within(self.link.request(verb, args), 120)

    async def code(self, verb: str, **args: Any) -> str:
        """The code with which a request ends; "" when it is done."""
        try:
            await self.ask(verb, **args)
        except AgentError as error:
            assert error.message
            return error.code
        return ""

    async def about(self, vm: int, verb: str, generation: int, **more: Any) -> str:
        """The same for a verb about a VM, with the arguments that it needs."""
        told = {"vm": vm, "generation": generation, **self._needed(vm, verb), **more}
        return await self.code(verb, **told)

    def _needed(self, vm: int, verb: str) -> Message:
        if verb == "network.ensure":
            return {"networks": [network(1, BRIDGE)]}
        if verb == "disk.ensure":
            return {"disks": [overlay(self.base)]}
        if verb == "disk.release":
            return {"disks": [0]}
        described = domain(vm)
        if verb == "disk.grow":
            return {"disk": described["disks"][0], "size_mib": 8}
        if verb in ("domain.snapshot", "domain.forget", "domain.revert"):
            return {"tag": "one"}
        if verb in ("disk.save", "disk.unsave"):
            return {"disk": described["disks"][0], "number": 1}
        if verb in ("disk.snapshot", "disk.forget", "disk.revert"):
            return {"disk": described["disks"][0], "tag": "one"}
        if verb == "domain.resize":
            names = ("vcpus", "memory_mib", "cpu_shares")
            return {"domain": described, **{name: described.get(name, 2) for name in names}}
        return {"domain": described} if verb in ("domain.ensure", "domain.adjust") else {}

    async def seen(self, vm: int) -> tuple[int, str] | None:
        """Generation and state of a VM as the host reports them."""
        for entry in (await self.ask("observe"))["vms"]:
            if entry["vm"] == vm:
                assert entry["folder"] is True
                return entry["generation"], entry["state"]
        return None

    async def users(self) -> dict[int, list[int]]:
        """Who uses which network there."""
        found = (await self.ask("observe"))["networks"]
        return {entry["network"]: sorted(entry["vms"]) for entry in found}

    def said(self, vm: int) -> list[tuple[int, str]]:
        """What became of a VM, as far as the host told: generation and state, without repetitions."""
        told = [
            (event["generation"], event["state"])
            for event in self.events
            if event["event"] == "domain" and event["vm"] == vm
        ]
        return [key for key, _ in itertools.groupby(told)]

    async def said_in_the_end(self, vm: int, *expected: tuple[int, str]) -> None:
        """Waits until the host has told this, and no more."""
        await until(lambda: self.said(vm) == list(expected), f"{expected}, not {self.said(vm)}", 20)


class Simulated(Host):
    """A host that does nothing."""

    def __init__(self, root: Path, base: Path) -> None:
        super().__init__(root, base)
        self.host = SimulatedHost("simulated")
        self.host.files.add(str(base))

    async def open(self) -> Link:
        return SimulatedLink(self.host, self.events.append, {})


class Real(Host):
    """The packed agent, libvirt and QEMU on this (private) machine."""

    async def open(self) -> Link:
        log = self.root.parent / "agent.log"
        return await open_local(self.root.parent / "agent.pyz", log, self.events.append)

    async def clear(self) -> None:
        """Removes what a test left running."""
        for entry in (await self.ask("observe"))["vms"]:
            await self.ask("vm.remove", vm=entry["vm"], generation=2**40)
        await self.ask("retire")


Test = Callable[[Host], Awaitable[None]]


def try_out(test: Test, host: Host) -> None:
    """Runs a test over a link to the host."""

    async def main() -> None:
        await host.connect()
        try:
            await test(host)
        finally:
            if isinstance(host, Real):
                if host.link.lost.done():
                    await host.link.close()
                    await host.connect()
                await host.clear()
            await host.link.close()

    run_real(main)


def machine() -> Iterator[Path]:
    """A folder with the packed agent and a guest's image, and a libvirt daemon while it is used."""
    folder = Path(tempfile.mkdtemp(prefix="inn-conform-", dir="/var/tmp"))
    folder.chmod(0o755)
    agent = pack.build(folder / "agent.pyz")
    write_guest_image(folder / "guest.raw")

    def libvirt(what: str) -> None:
        command = ["/usr/bin/python3", agent, f"--libvirt-{what}", folder / "libvirt"]
        subprocess.run(command, check=True, timeout=60)

    libvirt("start")
    try:
        yield folder
    finally:
        libvirt("stop")
        shutil.rmtree(folder)


def on_private_machine() -> bool:
    """Are we on a machine of our own (tests/real/machine.sh)?"""
    return os.environ.get("INN_TEST_MACHINE") == "inside"


async def reconnected(host: Host) -> None:
    """The host over another link; the old one ends."""
    old = host.link
    await host.connect()
    await within(asyncio.shield(old.lost))
    await old.close()
