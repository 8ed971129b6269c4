"""One host in namespaces with its libvirt, shared by the real tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.client import AgentClient
from tests.host.guest_image import write_guest_image
from tests.host.lab import Lab


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A host whose libvirt daemon the agent's own code started."""
    with Lab("lab") as lab:
        lab.run("/usr/bin/python3", str(lab.agent_file), "--libvirt-start", str(lab.folder / "lv"))
        write_guest_image(lab.folder / "guest.raw")
        hello(lab, lab.folder / "first").close()
        yield lab


@pytest.fixture(scope="session")
def base(lab: Lab) -> Path:
    """The guest's disk image on that host."""
    return lab.folder / "guest.raw"


@pytest.fixture
def root(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A root of this test's own; what the test leaves running is removed through a last agent."""
    module = request.module.__name__.rpartition(".")[2]
    root = new_root(lab, f"{module}-{request.node.name}".replace("[", "-").replace("]", "")[:90])
    yield root
    cleaner = lab.agent()
    cleaner.ask("hello", zone="tests", host=0, root=str(root))
    for vm in cleaner.ask("observe")["vms"]:
        cleaner.ask("vm.remove", vm=vm["vm"], generation=2**40)
    cleaner.close()


@pytest.fixture
def agent(lab: Lab, root: Path) -> Iterator[AgentClient]:
    """An agent that has said hello."""
    agent = hello(lab, root)
    yield agent
    agent.close()


def new_root(lab: Lab, name: str) -> Path:
    """A root whose agent need not find out about this machine's accelerator, which takes seconds."""
    root = lab.folder / name
    root.mkdir()
    shutil.copy(lab.folder / "first/accelerator.json", root)
    return root


def hello(lab: Lab, root: Path) -> AgentClient:
    """Starts an agent for a root."""
    agent = lab.agent()
    agent.ask("hello", zone="tests", host=0, root=str(root))
    return agent
