"""Guests through the packed agent: real libvirt, real QEMU, in a host of namespaces."""

from __future__ import annotations

import base64
import itertools
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.host.client import AgentClient, Message, RefusalError, wait_for
from tests.host.conftest import hello, new_root
from tests.host.guest_image import domain, network, overlay
from tests.host.lab import Lab
from tests.host.trace import traces

pytestmark = pytest.mark.real
#: Numbers of consoles: the front end gives each another one.
NUMBERS = itertools.count(1)


def prepare(agent: AgentClient, vm: int, base: Path, generation: int = 1) -> None:
    """What must be there before a guest starts."""
    agent.ask("disk.ensure", vm=vm, generation=generation, disks=[overlay(base)])


def start(agent: AgentClient, vm: int, base: Path, generation: int = 1, **more: Any) -> Message:
    """A guest that has said that it is up."""
    prepare(agent, vm, base, generation)
    before = said(agent, vm).count("guest up")
    answer = agent.ask("domain.ensure", vm=vm, generation=generation, domain=domain(vm, **more))
    wait_for(lambda: said(agent, vm).count("guest up") > before, "the guest to be up")
    return answer


def said(agent: AgentClient, vm: int) -> str:
    """What the guest wrote to its serial port so far."""
    text: str = agent.ask("log.read", vm=vm, which="serial", offset=0, limit=65536)["data"]
    return text


def opened(agent: AgentClient, vm: int, kind: str = "serial") -> int:
    """A new console of a VM."""
    number = next(NUMBERS)
    agent.ask("console.open", vm=vm, console=number, kind=kind)
    return number


def typed(agent: AgentClient, console: int, text: str, expected: str) -> None:
    """Types into a console until the guest has answered with ``expected``."""
    since = len(agent.events)
    data = base64.b64encode(text.encode()).decode()
    agent.ask("console.write", console=console, data=data)
    wait_for(lambda: expected in shown(agent, console, since), f"{expected!r} on the console")


def shown(agent: AgentClient, console: int, since: int = 0) -> str:
    """What a console showed."""
    pieces = [
        base64.b64decode(event["data"])
        for event in agent.events[since:]
        if event.get("console") == console and "data" in event
    ]
    return b"".join(pieces).decode()


def became(vm: int, state: str) -> Any:
    """Whether an event says that a VM came into a state."""
    return lambda event: (event["event"], event.get("vm"), event.get("state")) == (
        "domain", vm, state,
    )  # fmt: skip


#: What ``observe`` says about the devices of a guest with nothing but its disk.
ONE_DISK = {"disks": [0], "plugged": {"disks": [0], "nics": []}}


def observed(agent: AgentClient, vm: int) -> Message | None:
    """What ``observe`` says about a VM."""
    return next((item for item in agent.ask("observe")["vms"] if item["vm"] == vm), None)


def test_a_guest_boots_once_however_often_it_is_asked_for(agent: AgentClient, base: Path) -> None:
    first = start(agent, 101, base)
    again = agent.ask("domain.ensure", vm=101, generation=1, domain=domain(101))
    assert first["domain"] == "one-101" and first["state"] == "running"
    assert again == first
    assert observed(agent, 101) == {
        "vm": 101, "generation": 1, "state": "running", "folder": True, "pid": first["pid"],
        **ONE_DISK,
    }  # fmt: skip
    assert said(agent, 101) == "guest up\r\n"
    told = agent.wait_event(became(101, "running"))
    assert told["generation"] == 1


def test_a_newer_generation_replaces_the_older_one_and_an_older_request_is_refused(
    agent: AgentClient, base: Path
) -> None:
    first = start(agent, 102, base, generation=3)
    second = start(agent, 102, base, generation=4)
    assert second["pid"] != first["pid"]
    assert agent.wait_event(became(102, "off"))["generation"] == 3
    for verb in ("domain.ensure", "domain.destroy", "vm.remove"):
        with pytest.raises(
            RefusalError, match="VM 102 is at generation 4, the request says 3"
        ) as no:
            agent.ask(verb, vm=102, generation=3, domain=domain(102))
        assert no.value.code == "stale"
    assert observed(agent, 102)["pid"] == second["pid"]


def test_a_killed_qemu_is_told_at_once(lab: Lab, agent: AgentClient, base: Path) -> None:
    answer = start(agent, 103, base, generation=2)
    lab.run("kill", "-9", str(answer["pid"]))
    told = agent.wait_event(became(103, "off"))
    assert (told["generation"], told["reason"]) == (2, "failed")
    assert observed(agent, 103)["state"] == "off"


def test_the_power_button_is_heard_and_told(agent: AgentClient, base: Path) -> None:
    start(agent, 104, base)
    agent.ask("domain.shutdown", vm=104, generation=1, patience=60)
    told = agent.wait_event(became(104, "off"))
    assert told["reason"] == "shutdown"
    assert observed(agent, 104)["state"] == "off"
    agent.ask("domain.shutdown", vm=104, generation=1, patience=60)


def test_a_guest_that_does_not_hear_the_power_button_goes_on(
    agent: AgentClient, base: Path
) -> None:
    answer = start(agent, 105, base, features={"acpi": False, "apic": True})
    with pytest.raises(RefusalError, match="VM 105 did not shut down") as no:
        agent.ask("domain.shutdown", vm=105, generation=1, patience=0.5)
    assert no.value.code == "timeout"
    assert observed(agent, 105)["pid"] == answer["pid"]


def test_destroying_does_not_wait_for_a_shutdown_that_waits(agent: AgentClient, base: Path) -> None:
    start(agent, 106, base, features={"acpi": False, "apic": True})
    patient = agent.send("domain.shutdown", vm=106, generation=1, patience=3600)
    agent.ask("domain.destroy", vm=106, generation=1)
    with pytest.raises(RefusalError, match="a stronger request came"):
        agent.answer(patient)
    assert observed(agent, 106)["state"] == "off"


def test_pausing_stops_the_guest_and_resuming_lets_it_go_on(agent: AgentClient, base: Path) -> None:
    start(agent, 107, base)
    console = opened(agent, 107)
    for _ in range(2):
        agent.ask("domain.suspend", vm=107, generation=1)
        assert observed(agent, 107)["state"] == "paused"
    agent.wait_event(became(107, "paused"))
    for _ in range(2):
        agent.ask("domain.resume", vm=107, generation=1)
        assert observed(agent, 107)["state"] == "running"
    typed(agent, console, "ok", "OK")


def test_the_console_goes_both_ways_for_everybody_who_looks(agent: AgentClient, base: Path) -> None:
    start(agent, 108, base)
    one, two = (opened(agent, 108) for _ in range(2))
    typed(agent, one, "abc", "ABC")
    wait_for(lambda: "ABC" in shown(agent, two), "the other console to show it too")
    agent.ask("console.close", console=one)
    agent.wait_event(lambda event: event.get("console") == one and event.get("closed", False))
    typed(agent, two, "d#", "D4")
    assert "ABCD4" in said(agent, 108)
    agent.ask("domain.destroy", vm=108, generation=1)
    agent.wait_event(lambda event: event.get("console") == two and event.get("closed", False))
    with pytest.raises(RefusalError, match=f"console {two} is not open"):
        agent.ask("console.write", console=two, data="")
    with pytest.raises(RefusalError, match="VM 108 is not running here"):
        opened(agent, 108)


def test_the_screen_is_seen_without_its_password_or_port(agent: AgentClient, base: Path) -> None:
    prepare(agent, 121, base)
    described = domain(121)
    described["graphics"] = {"type": "vnc", "listen": "127.0.0.1", "password": "secret12"}
    agent.ask("domain.ensure", vm=121, generation=1, domain=described)
    console = opened(agent, 121, "vnc")
    for told, answer in ((b"RFB 003.008\n", b"RFB 003.008\n"), (b"\1\1", b"\1"), (b"\0" * 4, b"")):
        size = len(told)
        heard = wait_for(lambda n=size: taken(agent, console, n), f"{told!r} from the screen")
        assert heard == told
        agent.ask("console.passed-on", console=console, bytes=len(told))
        data = base64.b64encode(answer).decode()
        agent.ask("console.write", console=console, data=data)
    png = base64.b64decode(agent.ask("screenshot", vm=121)["png"])
    assert png.startswith(b"\x89PNG\r\n") and png.endswith(b"IEND\xaeB`\x82")
    agent.ask("domain.destroy", vm=121, generation=1)
    agent.wait_event(lambda event: event.get("console") == console and event.get("closed", False))
    start(agent, 122, base)
    for asked in (lambda: opened(agent, 122, "vnc"), lambda: agent.ask("screenshot", vm=122)):
        with pytest.raises(RefusalError, match=r"one-122 has no (VNC )?screen") as no:
            asked()
        assert no.value.code == "refused"


def taken(agent: AgentClient, console: int, size: int) -> bytes:
    """The next bytes of a console, once there are so many; what was taken does not come again."""
    heard = [e for e in agent.events if e.get("console") == console and "data" in e]
    data = b"".join(base64.b64decode(event["data"]) for event in heard)
    if len(data) < size:
        return b""
    for event in heard:
        agent.events.remove(event)
    return data


def test_a_hard_reboot_begins_anew(agent: AgentClient, base: Path) -> None:
    answer = start(agent, 109, base)
    agent.ask("domain.reboot", vm=109, generation=1, hard=True)
    wait_for(lambda: said(agent, 109).count("guest up") == 2, "the second boot")
    assert observed(agent, 109)["pid"] == answer["pid"]


def test_a_saved_guest_goes_on_where_it_was_with_a_new_generation(
    agent: AgentClient, base: Path, root: Path
) -> None:
    start(agent, 110, base)
    console = opened(agent, 110)
    typed(agent, console, "abc#", "ABC3")
    for _ in range(2):
        agent.ask("domain.save", vm=110, generation=1)
        assert observed(agent, 110)["state"] == "saved"
    agent.wait_event(became(110, "saved"))
    checkpoint = root / "vms/110/checkpoint"
    assert checkpoint.stat().st_size > 0

    restored = agent.ask("domain.restore", vm=110, generation=2)
    assert not checkpoint.exists()
    assert agent.ask("domain.restore", vm=110, generation=2) == restored
    assert observed(agent, 110) == {
        "vm": 110, "generation": 2, "state": "running", "folder": True, "pid": restored["pid"],
        **ONE_DISK,
    }  # fmt: skip
    console = opened(agent, 110)
    typed(agent, console, "#", "4")
    assert said(agent, 110).count("guest up") == 1
    agent.ask("domain.destroy", vm=110, generation=2)
    with pytest.raises(RefusalError, match="VM 110 has no checkpoint here") as no:
        agent.ask("domain.restore", vm=110, generation=2)
    assert no.value.code == "missing"


def test_booting_drops_a_checkpoint_that_would_not_fit_any_more(
    agent: AgentClient, base: Path
) -> None:
    start(agent, 111, base)
    agent.ask("domain.save", vm=111, generation=1)
    start(agent, 111, base, generation=2)
    agent.ask("domain.destroy", vm=111, generation=2)
    assert observed(agent, 111)["state"] == "off"


def test_removing_a_vm_leaves_nothing(lab: Lab, agent: AgentClient, base: Path, root: Path) -> None:
    agent.ask("ping")
    before = traces(lab)
    nets = [network(1, "inntest0", address="10.199.0.1/24", nat=True)]
    agent.ask("network.ensure", vm=112, generation=1, networks=nets)
    files = {"context.sh": "ETH0_IP='10.199.0.5'\n"}
    prepare(agent, 112, base)
    agent.ask("context.ensure", vm=112, generation=1, disk=1, files=files)
    cd = {"disk": 1, "target": "hda", "device": "cdrom", "format": "raw", "readonly": True}
    described = domain(112, bridge="inntest0")
    graphics = {"type": "vnc", "listen": "127.0.0.1", "port": None, "password": "secret12"}
    described |= {"disks": [*described["disks"], cd], "graphics": graphics}
    described["features"] = {"acpi": True, "guest_agent": True}
    agent.ask("domain.ensure", vm=112, generation=1, domain=described)
    wait_for(lambda: "guest up" in said(agent, 112), "the guest to be up")
    during = traces(lab)
    assert "10.199.0.1" in during["interfaces"]["inntest0"]
    assert "one-112-0" in during["interfaces"] and "one-112" in during["domains"]
    assert "10.199.0.0/24" in during["rules"] and "masquerade" in during["rules"]
    assert "qemu-system-x86" in during["processes"] and during["files"]

    for _ in range(2):
        agent.ask("vm.remove", vm=112, generation=1)
        assert traces(lab) == before
        assert agent.ask("observe") == {"vms": [], "networks": [], "strays": []}
        assert list((root / "vms").iterdir()) == list((root / "networks").iterdir()) == []
    assert base.stat().st_uid == 0

    agent.ask("vm.remove", vm=112, generation=7)
    with pytest.raises(RefusalError, match="VM 112 is at generation 7"):
        agent.ask("domain.ensure", vm=112, generation=6, domain=described)


def test_a_guest_outlives_its_agent_and_the_next_agent_finds_it(
    lab: Lab, agent: AgentClient, base: Path, root: Path
) -> None:
    answer = start(agent, 113, base, generation=5)
    agent.kill()
    second = hello(lab, root)
    assert observed(second, 113) == {
        "vm": 113, "generation": 5, "state": "running", "folder": True, "pid": answer["pid"],
        **ONE_DISK,
    }  # fmt: skip
    assert second.ask("domain.ensure", vm=113, generation=5, domain=domain(113)) == answer
    assert said(second, 113) == "guest up\r\n"
    lab.run("kill", "-9", str(answer["pid"]))
    assert second.wait_event(became(113, "off"))["generation"] == 5
    second.close()


def test_a_second_agent_takes_the_root_over_from_one_that_hangs(
    lab: Lab, agent: AgentClient, root: Path
) -> None:
    second = hello(lab, root)
    assert agent.process.wait(timeout=30) != 0
    assert second.ask("observe")["vms"] == []
    second.close()


def test_metrics_come_at_the_interval_and_tell_each_state(agent: AgentClient, base: Path) -> None:
    start(agent, 114, base, generation=3)
    prepare(agent, 115, base)
    agent.ask("monitor", interval=0.3)
    agent.wait_event(lambda event: event["event"] == "metrics")
    since = len(agent.events)
    sample = agent.wait_event(lambda event: event["event"] == "metrics", since)
    by_vm = {item["vm"]: item for item in sample["vms"]}
    running = by_vm[114]
    assert (running["generation"], running["state"]) == (3, "running")
    assert running["memory_kib"] > 1024 and running["disk_read_bytes"] >= 512
    assert [disk["disk"] for disk in running["disks"]] == [0]
    assert 0 <= running["cpu"] <= 100 * os.cpu_count()  # type: ignore[operator]
    assert by_vm[115] == {"vm": 115, "generation": 1, "state": "off"}
    host = sample["host"]
    cores = len(os.sched_getaffinity(0))
    assert host["cpu_used"] + host["cpu_free"] == pytest.approx(100 * cores, abs=1)
    assert type(host["cpu_used"]) is type(host["cpu_free"]) is int
    agent.ask("monitor", interval=0)


def test_what_is_wrong_in_a_description_is_named(agent: AgentClient, base: Path) -> None:
    prepare(agent, 116, base)
    for wrong, argument in (
        ({"memory_mib": "lots"}, "domain.memory_mib"),
        ({"disks": [{"disk": 0, "target": "floppy", "format": "raw"}]}, "domain.disks[0].target"),
        ({"raw": "<devices>"}, "domain.raw"),
    ):
        with pytest.raises(RefusalError) as no:
            agent.ask("domain.ensure", vm=116, generation=1, domain=domain(116) | wrong)
        assert (no.value.code, no.value.answer["argument"]) == ("bad-args", argument)
    with pytest.raises(RefusalError, match="no-such-machine") as no:
        described = domain(116, machine="no-such-machine")
        agent.ask("domain.ensure", vm=116, generation=1, domain=described)
    assert no.value.code == "refused"
    missing = {"disk": 3, "target": "vdb", "format": "raw"}
    with pytest.raises(RefusalError, match=r"disk\.3") as no:
        agent.ask("domain.ensure", vm=116, generation=1, domain=domain(116, disks=[missing]))
    assert no.value.code == "missing"
    with pytest.raises(RefusalError, match="no disks here"):
        agent.ask("domain.ensure", vm=117, generation=1, domain=domain(117))


def test_a_domain_that_somebody_else_runs_under_our_name_is_left_alone(
    lab: Lab, agent: AgentClient, base: Path
) -> None:
    other = hello(lab, new_root(lab, "other root"))
    answer = start(other, 118, base)
    prepare(agent, 118, base)
    with pytest.raises(RefusalError, match="one-118 runs here and is not ours"):
        agent.ask("domain.ensure", vm=118, generation=9, domain=domain(118))
    agent.ask("vm.remove", vm=118, generation=9)
    assert observed(other, 118)["pid"] == answer["pid"]
    other.ask("vm.remove", vm=118, generation=1)
    other.close()


def test_retire_removes_domains_whose_folder_is_gone(
    lab: Lab, agent: AgentClient, base: Path, root: Path
) -> None:
    before = traces(lab)
    agent.ask("network.ensure", vm=119, generation=1, networks=[network(1, "inntest1")])
    prepare(agent, 119, base)
    agent.ask("domain.ensure", vm=119, generation=1, domain=domain(119, bridge="inntest1"))
    subprocess.run(["rm", "-r", str(root / "vms/119")], check=True)
    assert agent.ask("observe")["strays"] == [{"kind": "domain", "name": "one-119"}]
    agent.ask("retire")
    assert traces(lab) == before


def test_interfaces_without_a_domain_are_found_and_removed(lab: Lab, agent: AgentClient) -> None:
    before = traces(lab)
    lab.run("ip", "tuntap", "add", "one-120-0", "mode", "tap")
    assert agent.ask("observe")["strays"] == [{"kind": "interface", "name": "one-120-0"}]
    agent.ask("vm.remove", vm=120, generation=1)
    assert traces(lab) == before


def test_a_guest_with_uefi_on_q35_leaves_nothing_either(
    lab: Lab, agent: AgentClient, base: Path, root: Path
) -> None:
    before = traces(lab)
    prepare(agent, 121, base)
    agent.ask("context.ensure", vm=121, generation=1, disk=1, files={"context.sh": ""})
    described = domain(121, machine="q35", firmware="uefi", memory_mib=128)
    cd = {"disk": 1, "target": "hda", "device": "cdrom", "format": "raw", "readonly": True}
    described["disks"].append(cd)
    described["disks"].append({"disk": 2, "target": "sdb", "device": "disk", "format": "raw"})
    empty = {"disk": 2, "kind": "empty", "size_mib": 1, "format": "raw"}
    agent.ask("disk.ensure", vm=121, generation=1, disks=[empty])
    agent.ask("domain.ensure", vm=121, generation=1, domain=described)
    assert observed(agent, 121)["state"] == "running"
    assert (root / "vms/121/nvram").exists()
    agent.ask("vm.remove", vm=121, generation=1)
    assert traces(lab) == before
