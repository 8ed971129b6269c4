"""The packed agent as a process, without a hypervisor: the protocol and the verbs for images."""

from __future__ import annotations

import json
import queue
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from innkeeper.host.pack import build
from tests.host.client import AgentClient, RefusalError


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("packed") / "agent.pyz")


@pytest.fixture
def agent(packed: Path, tmp_path: Path) -> Iterator[AgentClient]:
    agent = AgentClient(["/usr/bin/python3", str(packed)], tmp_path / "agent.log")
    yield agent
    assert agent.close() == 0


def hello(agent: AgentClient, tmp_path: Path) -> dict[str, object]:
    return agent.ask("hello", zone="z", host=0, root=str(tmp_path / "root"), role="store")


def test_packing_is_reproducible(packed: Path, tmp_path: Path) -> None:
    assert build(tmp_path / "again.pyz").read_bytes() == packed.read_bytes()
    assert packed.stat().st_mode & 0o111


def test_the_agent_runs_as_a_program(packed: Path) -> None:
    done = subprocess.run([packed, "--help"], capture_output=True, text=True, check=True)
    assert "--libvirt-start" in done.stdout


def test_hello_comes_first_but_a_ping_is_always_answered(agent: AgentClient) -> None:
    assert agent.ask("ping")["time"] > 0
    with pytest.raises(RefusalError, match="hello must come first") as no:
        agent.ask("store.stat", path="/")
    assert no.value.code == "refused"


def test_an_agent_for_images_needs_no_hypervisor(agent: AgentClient, tmp_path: Path) -> None:
    facts = hello(agent, tmp_path)
    assert facts["protocol"] == 1 and facts["hypervisor"] is None
    assert facts["accelerator_reason"] == "this agent serves images only"
    assert isinstance(facts["memory_kib"], int) and facts["memory_kib"] > 0
    assert facts["root"] == hello(agent, tmp_path)["root"] != ""
    into = str(tmp_path / "store/1")
    made = agent.ask("image.import", empty=True, into=into, size_mib=3, format="qcow2")
    assert (made["format"], made["virtual_mib"]) == ("qcow2", 3)
    copied = agent.ask("image.clone", **{"from": into}, into=into + "-copy")
    assert copied["virtual_mib"] == 3
    for _ in range(2):
        agent.ask("image.remove", path=into)
    assert not Path(into).exists()
    room = agent.ask("store.stat", path=str(tmp_path))
    assert room["total_mib"] == room["free_mib"] + room["used_mib"] > 0


def test_one_agent_serves_one_zone_and_one_root(agent: AgentClient, tmp_path: Path) -> None:
    assert hello(agent, tmp_path)["hostname"] == hello(agent, tmp_path)["hostname"]
    with pytest.raises(RefusalError, match="this agent serves zone 'z'"):
        agent.ask("hello", zone="other", root=str(tmp_path / "root"))
    with pytest.raises(RefusalError, match="this agent serves"):
        agent.ask("hello", zone="z", root=str(tmp_path / "other"))


def test_nothing_that_is_sent_kills_the_agent(agent: AgentClient, tmp_path: Path) -> None:
    hello(agent, tmp_path)
    for line in (b"", b"nonsense", b"[1]", b'"x"', b"{" * 5000, b"\xff\xfe\x00", b"x" * 5_000_000):
        agent.send_line(line)
    for args in ({"vm": "x"}, {"vm": 1}, {"vm": -1}, {"vm": 10**30}, {"vm": [], "generation": {}}):
        with pytest.raises(RefusalError) as no:
            agent.ask("domain.destroy", **args)
        assert no.value.code == "bad-args"
    with pytest.raises(RefusalError, match="there is no verb 'sudo'") as no:
        agent.ask("sudo")
    assert no.value.code == "unknown-verb"
    for request in (
        b'{"verb": 5, "id": 900}',
        b'{"id": 901}',
        b'{"id": 902, "verb": "ping", "args": []}',
    ):
        number = json.loads(request)["id"]
        agent._answers[number] = queue.Queue()
        agent.send_line(request)
        if number != 902:
            with pytest.raises(RefusalError, match="verb: expected a text"):
                agent.answer(number)
    assert agent.ask("ping")["time"] > 0


def test_the_answer_names_the_wrong_argument(agent: AgentClient, tmp_path: Path) -> None:
    hello(agent, tmp_path)
    with pytest.raises(RefusalError) as no:
        agent.ask("disk.ensure", vm=1, generation=1, disks=[{"disk": 0, "kind": "cloud"}])
    assert no.value.answer["argument"] == "disks[0].kind"
    assert no.value.answer["message"] == (
        "disks[0].kind: expected one of overlay, copy, clone, empty, swap, link, tree, got str 'cloud'"
    )
    assert not (tmp_path / "root/vms/1").exists()


def test_disks_are_made_without_a_hypervisor(agent: AgentClient, tmp_path: Path) -> None:
    hello(agent, tmp_path)
    swap = {"disk": 1, "kind": "swap", "size_mib": 1, "format": "raw"}
    absent = {"disk": 0, "kind": "overlay", "base": "bases/abc", "base_format": "raw"}
    agent.ask("disk.ensure", vm=5, generation=2, disks=[swap])
    with pytest.raises(RefusalError) as no:
        agent.ask("disk.ensure", vm=5, generation=2, disks=[swap, absent])
    assert no.value.answer["file"] == str(tmp_path / "root/bases/abc")
    agent.ask("context.ensure", vm=5, generation=3, disk=2, files={"context.sh": "A=1"})
    with pytest.raises(RefusalError) as no:
        agent.ask("disk.ensure", vm=5, generation=2, disks=[])
    assert no.value.code == "stale"
    assert {path.name for path in (tmp_path / "root/vms/5").iterdir()} == {
        "disk.1", "disk.2", "state.json",
    }  # fmt: skip


def test_adopting_raises_the_generation_of_a_vm_that_is_not_here(
    agent: AgentClient, tmp_path: Path
) -> None:
    hello(agent, tmp_path)
    agent.ask("vm.adopt", vm=6, generation=9)
    with pytest.raises(RefusalError) as no:
        agent.ask("disk.ensure", vm=6, generation=8, disks=[])
    assert no.value.code == "stale"


def test_logs_are_read_piece_by_piece(agent: AgentClient, tmp_path: Path) -> None:
    hello(agent, tmp_path)
    agent.ask("disk.ensure", vm=7, generation=1, disks=[])
    log = tmp_path / "root/vms/7/serial.log"
    assert agent.ask("log.read", vm=7, which="serial") == {"data": "", "offset": 0, "size": 0}
    log.write_bytes(b"first\nsecond\n")
    piece = agent.ask("log.read", vm=7, which="serial", offset=0, limit=6)
    assert piece == {"data": "first\n", "offset": 6, "size": 13}
    piece = agent.ask("log.read", vm=7, which="serial", offset=piece["offset"])
    assert piece == {"data": "second\n", "offset": 13, "size": 13}
    log.write_bytes(b"anew\n")
    piece = agent.ask("log.read", vm=7, which="serial", offset=13)
    assert piece == {"data": "anew\n", "offset": 5, "size": 5}
