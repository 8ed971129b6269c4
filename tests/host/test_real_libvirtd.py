"""Starting, stopping and losing the libvirt daemon while guests run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.client import RefusalError
from tests.host.conftest import hello, new_root
from tests.host.guest_image import write_guest_image
from tests.host.lab import Lab
from tests.host.test_real_domains import became, observed, opened, said, start, typed

pytestmark = pytest.mark.real


@pytest.fixture
def bare() -> Iterator[Lab]:
    """A host where no libvirt daemon runs."""
    with Lab("bare") as lab:
        write_guest_image(lab.folder / "guest.raw")
        yield lab


def daemons(lab: Lab) -> list[str]:
    names = lab.run("ps", "-eo", "comm=").split()
    return sorted(name for name in names if name in ("libvirtd", "virtlogd"))


def test_guests_outlive_the_daemon_and_the_agent_finds_it_again(bare: Lab) -> None:
    root, folder = bare.folder / "root", str(bare.folder / "lv")
    agent = bare.agent()
    facts = agent.ask("hello", zone="tests", host=0, root=str(root))
    assert facts["hypervisor"] is None
    assert "no libvirt daemon answers" in facts["hypervisor_reason"]
    with pytest.raises(RefusalError, match="no libvirt daemon answers") as no:
        agent.ask("observe")
    assert no.value.code == "failed"

    assert agent.ask("libvirt.ensure", folder=folder) == {"how": "started"}
    assert agent.ask("libvirt.ensure", folder=folder) == {"how": "found"}
    assert agent.ask("hello", zone="tests", host=0, root=str(root))["hypervisor"] == "qemu"
    first = start(agent, 301, bare.folder / "guest.raw")
    start(agent, 302, bare.folder / "guest.raw")
    console = opened(agent, 301)

    agent.ask("libvirt.stop", folder=folder)
    agent.ask("libvirt.stop", folder=folder)
    assert daemons(bare) == []
    typed(agent, console, "a", "A")
    with pytest.raises(RefusalError, match="no libvirt daemon answers"):
        agent.ask("domain.destroy", vm=301, generation=1)
    bare.run("sh", "-c", "kill -9 $(cat /run/libvirt/qemu/one-302.pid)")

    assert agent.ask("libvirt.ensure", folder=folder) == {"how": "started"}
    told = agent.wait_event(became(302, "off"))
    assert (told["generation"], told["reason"]) == (1, "failed")
    assert observed(agent, 301)["pid"] == first["pid"]
    since = len(agent.events)
    bare.run("kill", "-9", str(first["pid"]))
    agent.wait_event(became(301, "off"), since)
    agent.close()


def test_only_what_was_started_here_is_stopped(bare: Lab) -> None:
    ours, theirs = str(bare.folder / "ours"), str(bare.folder / "theirs")
    packed = ("/usr/bin/python3", str(bare.agent_file))
    bare.run(*packed, "--libvirt-start", theirs)
    before = bare.run("pgrep", "-x", "libvirtd|virtlogd")
    bare.run(*packed, "--libvirt-start", ours)
    bare.run(*packed, "--libvirt-stop", ours)
    assert bare.run("pgrep", "-x", "libvirtd|virtlogd") == before
    bare.run(*packed, "--libvirt-stop", theirs)
    assert daemons(bare) == []
    assert not list(Path(theirs).glob("*.pid"))


def test_a_stale_pid_file_of_a_reused_number_harms_nobody(bare: Lab) -> None:
    folder = bare.folder / "lv"
    folder.mkdir()
    (folder / "libvirtd.pid").write_text(bare.run("pgrep", "-o", "sleep"))
    bare.run("/usr/bin/python3", str(bare.agent_file), "--libvirt-stop", str(folder))
    assert "sleep" in bare.run("ps", "-eo", "comm=")


def test_a_daemon_that_cannot_start_is_explained(bare: Lab) -> None:
    blocked = bare.folder / "blocked"
    blocked.write_text("not a folder")
    agent = bare.agent()
    agent.ask("hello", zone="tests", host=0, root=str(bare.folder / "root"))
    with pytest.raises(RefusalError, match="blocked: File exists"):
        agent.ask("libvirt.ensure", folder=str(blocked))
    agent.close()


def test_the_agent_ends_with_its_input_and_leaves_guests_alone(lab: Lab, base: Path) -> None:
    root = new_root(lab, "ending")
    agent = hello(lab, root)
    answer = start(agent, 303, base)
    assert agent.close() == 0
    second = hello(lab, root)
    assert observed(second, 303)["pid"] == answer["pid"]
    assert said(second, 303) == "guest up\r\n"
    second.ask("vm.remove", vm=303, generation=1)
    second.close()
