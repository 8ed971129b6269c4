"""The agent killed between any two things that it does: the same request, sent again, finishes it."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Any

import pytest

from tests.host.client import AgentClient, Message, wait_for
from tests.host.conftest import hello
from tests.host.guest_image import domain, network, overlay
from tests.host.lab import Lab
from tests.host.test_real_domains import said
from tests.host.trace import traces

pytestmark = [pytest.mark.real, pytest.mark.slow]

_DYING = Path(__file__).parent / "dying_agent.py"


class Stubborn:
    """A front end that sends a request again to a new agent whenever the agent was killed."""

    def __init__(self, lab: Lab, root: Path) -> None:
        self._lab = lab
        self._root = root
        self.deaths: dict[str, int] = {}

    def ask(self, verb: str, **args: Any) -> Message:
        """The n-th agent is killed at the n-th thing that it does, until one lives through it."""
        for step in range(1, 200):
            answer = self._try(step, verb, args)
            if answer is not None:
                self.deaths[verb] = max(self.deaths.get(verb, 0), step - 1)
                return answer
        raise AssertionError(f"{verb} never ends")

    def _try(self, step: int, verb: str, args: Message) -> Message | None:
        command = ["/usr/bin/python3", str(_DYING), str(self._lab.agent_file), str(step)]
        agent = AgentClient(self._lab.command(*command), self._lab.agent_log)
        try:
            agent.ask("hello", zone="tests", host=0, root=str(self._root))
            number = agent.send(verb, **args)
            return wait_for(lambda: self._answer(agent, number), f"{verb} or death")[0]
        finally:
            agent.close()

    def _answer(self, agent: AgentClient, number: int) -> tuple[Message | None] | None:
        try:
            return (agent.answer(number, seconds=0.05),)
        except queue.Empty:
            return (None,) if agent.process.poll() is not None else None


def test_a_vm_comes_and_goes_through_every_death(lab: Lab, root: Path, base: Path) -> None:
    before = traces(lab)
    front_end = Stubborn(lab, root)
    nets = [network(1, "inncrash0", address="10.198.0.1/24", nat=True), network(2, "inncrash1")]
    about = {"vm": 201, "generation": 3}
    front_end.ask("network.ensure", **about, networks=nets)
    front_end.ask("disk.ensure", **about, disks=[overlay(base)])
    front_end.ask("context.ensure", **about, disk=1, files={"context.sh": "A='1'\n"})
    described = domain(201, bridge="inncrash0")
    started = front_end.ask("domain.ensure", **about, domain=described)
    front_end.ask("disk.ensure", **about, disks=[{"disk": 2, "kind": "empty", "size_mib": 1}])
    another = {"disk": 2, "target": "sda", "device": "disk", "format": "raw"}
    described["disks"].append(another)
    front_end.ask("domain.adjust", **about, domain=described)
    front_end.ask("disk.ensure", **about, disks=[{"disk": 3, "kind": "empty", "size_mib": 1}])
    front_end.ask("disk.release", **about, disks=[3])

    agent = hello(lab, root)
    wait_for(lambda: "guest up" in said(agent, 201), "the guest to be up")
    assert agent.ask("observe") == {
        "vms": [
            {
                **about,
                "state": "running",
                "folder": True,
                "pid": started["pid"],
                "disks": [0, 1, 2],
                "plugged": {"disks": [0, 2], "nics": [0]},
            }
        ],
        "networks": [
            {"network": 1, "bridge": "inncrash0", "vms": [201]},
            {"network": 2, "bridge": "inncrash1", "vms": [201]},
        ],
        "strays": [],
    }
    assert left_beside(root) == []
    agent.close()

    front_end.ask("domain.save", **about)
    front_end.ask("domain.restore", **(about | {"generation": 4}))
    agent = hello(lab, root)
    assert said(agent, 201).count("guest up") == 1
    assert [vm["state"] for vm in agent.ask("observe")["vms"]] == ["running"]
    assert not (root / "vms/201/checkpoint").exists()
    agent.close()

    front_end.ask("vm.remove", **(about | {"generation": 5}))
    assert traces(lab) == before
    assert list((root / "vms").iterdir()) == list((root / "networks").iterdir()) == []
    assert left_beside(root) == []
    # Otherwise nothing was tried.
    assert front_end.deaths["network.ensure"] > 5 and front_end.deaths["vm.remove"] > 5
    assert all(deaths > 1 for deaths in front_end.deaths.values())


def left_beside(root: Path) -> list[Path]:
    """What interrupted writers would leave."""
    return [path for path in root.rglob(".*") if path.name.endswith(".part")]


def test_a_tool_that_outlives_its_agent_cannot_spoil_the_disk(
    lab: Lab, root: Path, agent: AgentClient
) -> None:
    big = lab.folder / "big.raw"
    lab.run("sh", "-c", f"head -c 100000000 /dev/urandom > {big}")
    copy = {"disk": 0, "kind": "copy", "base": str(big), "base_format": "raw", "format": "qcow2"}
    agent.send("disk.ensure", vm=202, generation=1, disks=[copy])
    folder = root / "vms/202"
    wait_for(lambda: list(folder.glob(".disk.0.*.part")), "the copy to begin")
    agent.kill()
    assert not (folder / "disk.0").exists()
    second = hello(lab, root)
    second.ask("disk.ensure", vm=202, generation=1, disks=[copy])
    second.close()
    assert "Images are identical" in lab.run(
        "qemu-img", "compare", str(big), str(folder / "disk.0")
    )
    assert left_beside(root) == []
    big.unlink()
