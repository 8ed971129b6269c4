"""Backups through the packed agent: of guests that run and guests that are off; every point can be had again."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.host.client import AgentClient, Message, RefusalError, wait_for
from tests.host.guest_image import domain, overlay
from tests.host.lab import Lab

pytestmark = pytest.mark.real

MIB = 1 << 20


class Guest:
    """A guest whose disk the test writes to through its hypervisor, so that it knows what must be there."""

    def __init__(self, lab: Lab, agent: AgentClient, root: Path, base: Path, vm: int) -> None:
        self.lab, self.agent, self.base, self.vm = lab, agent, base, vm
        self.generation = 1
        self.folder = root / "vms" / str(vm)
        self.content = bytearray(base.read_bytes().ljust(8 * MIB, b"\0"))
        disk = {**overlay(base), "size_mib": 8}
        agent.ask("disk.ensure", vm=vm, generation=1, disks=[disk])

    def start(self) -> None:
        self.generation += 1
        self.agent.ask(
            "domain.ensure", vm=self.vm, generation=self.generation, domain=domain(self.vm)
        )

    def off(self) -> None:
        self.agent.ask("domain.destroy", vm=self.vm, generation=self.generation)

    def write(self, at: int, byte: int, size: int = 70_000) -> None:
        """Writes while it runs."""
        device = "/machine/peripheral/ua-disk-0/virtio-backend"
        command = f'qemu-io -d {device} "write -P {byte} {at} {size}"'
        said = self.lab.run(
            "virsh", "-q", "qemu-monitor-command", f"one-{self.vm}", "--hmp", command
        )
        assert not said.strip(), said
        self.content[at : at + size] = bytes([byte]) * size

    def back_up(self, number: int, since: int | None, **more: Any) -> Message:
        args = {"since": f"b{since}"} if since is not None else {}
        return self.agent.ask(
            "backup.make", vm=self.vm, generation=self.generation, checkpoint=f"b{number}",
            disks=[{"disk": 0}], **args, **more,
        )  # fmt: skip

    def keep(self, number: int) -> None:
        self.agent.ask("backup.forget", vm=self.vm, generation=self.generation, keep=f"b{number}")


def digest(content: bytes | bytearray) -> str:
    return hashlib.sha256(content).hexdigest()


def taken(answer: Message, store: Path, number: int) -> dict[str, Any]:
    """The backup's file where the front end keeps it."""
    (file,) = answer["files"]
    kept = store / f"b{number}"
    kept.write_bytes(Path(file["path"]).read_bytes())
    return {"path": str(kept), "sha256": file["sha256"], "name": f"increment {number} of disk 0"}


def composed(agent: AgentClient, chain: list[dict[str, Any]], into: Path) -> str:
    """The hash of what was made of a chain: a comparison of megabytes that differ would take for ever."""
    agent.ask("backup.compose", chain=chain, into=str(into), format="raw")
    return digest(into.read_bytes())


def test_ten_increments_over_restarts_and_every_point_again(
    lab: Lab, agent: AgentClient, root: Path, base: Path
) -> None:
    guest, store = Guest(lab, agent, root, base, 301), root / "store"
    store.mkdir()
    guest.start()
    chain, points = [], []
    for number in range(11):
        if number in (4, 8):
            guest.off()
        if number in (6, 9):
            guest.start()
        if number not in (4, 5, 8):
            guest.write(number * MIB // 2 + 4096, number + 1)
        answer = guest.back_up(number, number - 1 if number else None)
        assert answer == guest.back_up(number, number - 1 if number else None)
        assert answer["type"] == ("INCREMENT" if number else "FULL"), answer
        chain.append(taken(answer, store, number))
        points.append(digest(guest.content))
        guest.keep(number)
        assert not (guest.folder / "backup").exists()
    for number in range(11):
        assert composed(agent, chain[: number + 1], store / f"out{number}") == points[number], (
            number
        )
    sizes = [Path(link["path"]).stat().st_size for link in chain[1:]]
    assert max(sizes) < 700_000
    assert agent.ask("backup.verify", files=chain) == {"damaged": []}
    with Path(chain[7]["path"]).open("r+b") as file:
        file.seek(100)
        file.write(b"!")
    (damaged,) = agent.ask("backup.verify", files=chain)["damaged"]
    assert damaged["name"] == "increment 7 of disk 0"
    with pytest.raises(RefusalError, match="increment 7 of disk 0 is damaged"):
        composed(agent, chain[:9], store / "no")
    assert composed(agent, chain[:7], store / "still") == points[6]


def test_what_a_killed_hypervisor_did_not_note_makes_a_full_backup(
    lab: Lab, agent: AgentClient, root: Path, base: Path
) -> None:
    guest, store = Guest(lab, agent, root, base, 302), root / "store"
    store.mkdir()
    guest.start()
    guest.back_up(0, None)
    guest.keep(0)
    guest.write(2 * MIB, 5)
    pid = agent.ask("observe")["vms"][0]["pid"]
    lab.run("kill", "-9", str(pid))
    wait_for(lambda: agent.ask("observe")["vms"][0]["state"] == "off", "it is dead")
    answer = guest.back_up(1, 0)
    assert answer["type"] == "FULL" and "no usable bitmap b0" in answer["why"]
    assert composed(agent, [taken(answer, store, 1)], store / "out") == digest(guest.content)
    guest.start()
    guest.write(3 * MIB, 6)
    answer = guest.back_up(2, 0, freeze="SUSPEND")
    assert answer["type"] == "FULL" and answer["why"]
    assert composed(agent, [taken(answer, store, 2)], store / "out2") == digest(guest.content)


def test_a_disk_that_goes_back_to_a_snapshot_begins_a_new_chain(
    lab: Lab, agent: AgentClient, root: Path, base: Path
) -> None:
    guest, store = Guest(lab, agent, root, base, 306), root / "store"
    store.mkdir()
    guest.start()
    guest.back_up(0, None)
    guest.keep(0)
    guest.write(MIB, 5)
    then = bytearray(guest.content)

    def snapshot(verb: str, tag: str, **more: Any) -> None:
        agent.ask(verb, vm=306, generation=guest.generation, tag=tag, **more)

    def backed_up(number: int) -> str:
        """Why it is a full one; all that is there is in it."""
        answer = guest.back_up(number, number - 1)
        assert answer["type"] == "FULL"
        guest.content = bytearray(then)
        whole = composed(agent, [taken(answer, store, number)], store / f"out{number}")
        assert whole == digest(then)
        guest.keep(number)
        return str(answer["why"])

    snapshot("domain.snapshot", "vm-0")
    guest.write(2 * MIB, 6)
    snapshot("domain.revert", "vm-0")
    assert backed_up(1)
    disk = {**domain(306)["disks"][0]}
    snapshot("disk.snapshot", "disk-0", disk=disk)
    guest.write(3 * MIB, 7)
    guest.off()
    snapshot("disk.revert", "disk-0", disk=disk)
    assert "disk 0 has no usable bitmap b1" in backed_up(2)


def test_a_disk_is_put_back_as_it_was(lab: Lab, agent: AgentClient, root: Path, base: Path) -> None:
    guest, store = Guest(lab, agent, root, base, 303), root / "store"
    store.mkdir()
    guest.start()
    answer = guest.back_up(0, None)
    link, then = taken(answer, store, 0), digest(guest.content)
    guest.write(0, 9, MIB)
    described = agent.ask("backup.compose", chain=[link], into=str(store / "whole"))
    disk = {
        "disk": 0,
        "kind": "copy",
        "format": "qcow2",
        "base": str(store / "whole"),
        "base_format": "qcow2",
    }
    request = {"vm": 303, "generation": guest.generation, "disks": [disk]}
    with pytest.raises(RefusalError, match="runs: its disks cannot be put back"):
        agent.ask("disk.restore", **request)
    guest.off()
    for _ in range(2):
        agent.ask("disk.restore", **request)
    raw = store / "raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", guest.folder / "disk.0", raw], check=True)
    assert digest(raw.read_bytes()) == then and described["format"] == "qcow2"


@pytest.mark.parametrize("running", [True, False])
def test_an_agent_that_dies_in_a_backup_makes_it_again(
    lab: Lab, agent: AgentClient, root: Path, base: Path, running: bool
) -> None:
    guest = Guest(lab, agent, root, base, 304 + running)
    guest.start()
    guest.back_up(0, None)
    guest.keep(0)
    guest.write(2 * MIB, 5)
    if not running:
        guest.off()
    half = guest.folder / "backup" / "b1"
    half.mkdir(parents=True)
    (half / "disk.0").write_bytes(b"half")
    answer = guest.back_up(1, 0)
    assert answer["type"] == "INCREMENT"
    assert os.stat(answer["files"][0]["path"]).st_size < MIB
