"""The life of a host: added, declared, drifting, repaired, upgraded, emptied; processors that differ; power cuts."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from innkeeper.fleet.station import HEARTBEAT
from tests.real.lab import Lab, LabHost
from tests.real.zone import GRACE, PASSWORD, ROOT, wait_for

pytestmark = pytest.mark.real

RUNNING, SUSPENDED, DONE = (3, 3), 5, 6
POWEROFF = 8
Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Figures go where whoever runs this sees them."""

    def print_(text: str) -> None:
        with capsys.disabled():
            print(f" [{text}]", end="", flush=True)

    return print_


def attribute(lab: Lab, host: LabHost, name: str) -> str:
    return lab.host_document(host).findtext(f"TEMPLATE/{name}") or ""


def refused(lab: Lab, method: str, *arguments: Any) -> str:
    """What the front end says when it refuses a call."""
    call = xmlrpc.client.ServerProxy(f"{lab.url}/RPC2")
    with call:
        answer: Any = getattr(call, method)(f"oneadmin:{PASSWORD}", *arguments)
    assert answer[0] is False, answer
    return str(answer[1])


def inn(lab: Lab, *words: str, good: tuple[int, ...] = (0,)) -> str:
    """The command line, as people use it."""
    credentials = lab.data / "credentials"
    credentials.write_text(f"oneadmin:{PASSWORD}")
    settings = {"INN_AUTH": str(credentials), "INN_ENDPOINT": f"{lab.url}/RPC2"}
    done = subprocess.run(
        [sys.executable, "-m", "innkeeper.cli.main", *words], capture_output=True, text=True, check=False,
        env={**os.environ, **settings}, timeout=120,
    )  # fmt: skip
    assert done.returncode in good, done.stderr
    return done.stdout


def ended(lab: Lab, vm: int) -> None:
    lab.api.vm.action("terminate-hard", vm)
    lab.wait_phase(vm, DONE)


def test_a_host_needs_nothing_but_ssh_and_is_soon_ready(lab: Lab, say: Say) -> None:
    host = lab.hosts["h3"]
    lab.api.host.delete(host.number)
    wait_for(lambda: not host.agents(), "its agent is gone", 60)
    host.run("rm", "-rf", "/var/lib/innkeeper/host")
    host.run("sh", "-c", "rm -f /var/lib/innkeeper/agent-*")
    began = time.monotonic()
    host.number = lab.api.host.allocate("h3", "kvm", "kvm", -1)
    lab.host_is(host, 2)
    say(f"ready after {time.monotonic() - began:.1f} s")
    vm = lab.on("h3", "first")
    lab.running(vm)
    ended(lab, vm)


# ---- what hosts are to be like -------------------------------------------------------------------

PROFILE = """
commands = ["ip"]
[sysctls]
"net.ipv4.ip_default_ttl" = 61
[[bridges]]
name = "declared0"
member = "cable0"
mtu = 1400
[[folders]]
path = "/var/lib/innkeeper/declared"
"""


def state_of(host: LabHost) -> tuple[str, str]:
    """The TTL and what is plugged into the bridge, as the host itself has it."""
    plugged = host.run("sh", "-c", "ls /sys/class/net/declared0/brif 2>/dev/null || true")
    return host.run("cat", "/proc/sys/net/ipv4/ip_default_ttl").strip(), plugged.strip()


def drift(lab: Lab, host: LabHost) -> set[str]:
    """What of it is not as declared, as the front end knows."""
    found = lab.host_document(host).findall("TEMPLATE/DRIFT")
    return {each.findtext("WHAT") or "" for each in found}


@pytest.fixture
def drifting(lab: Lab, tmp_path: Path) -> Iterator[LabHost]:
    """A host of which something is declared; what the declaring made there is taken away in the end."""
    host = lab.hosts["h2"]
    host.run("ip", "link", "add", "cable0", "type", "veth", "peer", "name", "cable1")
    yield host
    inn(lab, "host", "profile-set", host.name, "--remove")
    for device in ("declared0", "cable0"):
        host.run("sh", "-c", f"ip link del {device} 2>/dev/null || true")
    host.run(
        "sh", "-c", "rmdir /var/lib/innkeeper/declared; echo 64 > /proc/sys/net/ipv4/ip_default_ttl"
    )


def test_a_host_that_drifts_is_named_and_repaired(
    lab: Lab, drifting: LabHost, tmp_path: Path, say: Say
) -> None:
    file = tmp_path / "profile.toml"
    file.write_text(PROFILE)
    inn(lab, "host", "profile-set", "h2", str(file))
    everything = {
        "bridge declared0", "folder /var/lib/innkeeper/declared", "sysctl net.ipv4.ip_default_ttl",
    }  # fmt: skip
    wait_for(lambda: drift(lab, drifting) == everything, "all of it is missing", 90)
    inn(lab, "host", "repair", "h2")
    wait_for(lambda: not drift(lab, drifting), "nothing is missing any more", 60)
    assert state_of(drifting) == ("61", "cable0")

    drifting.run("ip", "link", "set", "cable0", "nomaster")
    drifting.run("sh", "-c", "echo 64 > /proc/sys/net/ipv4/ip_default_ttl")
    began = time.monotonic()
    wait_for(lambda: len(drift(lab, drifting)) == 2, "the drift is named", 90)
    say(f"drift named after {time.monotonic() - began:.1f} s")
    told = inn(lab, "host", "drift", "h2", good=(1,)).splitlines()
    assert told == [
        "bridge declared0 member: expected cable0, found none",
        "sysctl net.ipv4.ip_default_ttl: expected 61, found 64",
    ]
    began = time.monotonic()
    inn(lab, "host", "repair", "h2")
    wait_for(lambda: state_of(drifting) == ("61", "cable0"), "it is as declared again", 60)
    say(f"repaired after {time.monotonic() - began:.1f} s")
    assert inn(lab, "host", "drift", "h2") == ""

    file.write_text(f"repair = true\n{PROFILE}")
    inn(lab, "host", "profile-set", "h2", str(file))
    drifting.run("sh", "-c", "echo 64 > /proc/sys/net/ipv4/ip_default_ttl")
    wait_for(lambda: state_of(drifting)[0] == "61", "it repairs itself", 90)
    assert tomllib.loads(PROFILE)["bridges"][0]["mtu"] == 1400
    assert "mtu 1400" in drifting.run("ip", "link", "show", "declared0")


def test_what_a_probe_tells_can_be_asked_for_at_once(lab: Lab, say: Say) -> None:
    asks = 'SCHED_REQUIREMENTS="RACK = \\"B7\\""'
    vm = lab.api.template.instantiate(lab.template, "picky", False, asks)
    wait_for(lambda: "SCHED_MESSAGE" in lab.api.vm.info(vm).USER_TEMPLATE, "no host has it", 30)
    host, script = lab.hosts["h2"], "/var/lib/innkeeper/host/probes.d/rack"
    host.run(
        "sh",
        "-c",
        f"mkdir -p {Path(script).parent} && printf '#!/bin/sh\necho rack=B7\n' > {script}",
    )
    began = time.monotonic()
    host.run("chmod", "755", script)
    lab.running(vm)
    say(f"runs {time.monotonic() - began:.1f} s after the probe was there")
    assert lab.recorded(vm) == "h2" and lab.api.host.info(host.number).TEMPLATE["RACK"] == "B7"
    host.run("rm", "-r", str(Path(script).parent))
    ended(lab, vm)
    wait_for(lambda: "RACK" not in lab.api.host.info(host.number).TEMPLATE, "it is forgotten", 30)


# ---- processors ----------------------------------------------------------------------------------


@contextlib.contextmanager
def without(lab: Lab, host: LabHost, features: str) -> Iterator[None]:
    """A host whose processor has not all of that."""
    lab.api.host.update(host.number, f'CPU_WITHOUT="{features}"', 1)
    try:
        yield
    finally:
        lab.api.host.update(host.number, 'CPU_WITHOUT=""', 1)


def cpu_of(lab: Lab, host: str, vm: int) -> tuple[str, set[str]]:
    """The CPU that a guest's QEMU was started with: model, and what it has besides."""
    process = lab.hosts[host].qemus()[vm]
    words = Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")
    model, *more = words[words.index("-cpu") + 1].split(",")
    return model, {name for name, _, on in (each.partition("=") for each in more) if on == "on"}


def test_guests_have_what_all_hosts_have_and_go_where_it_is(lab: Lab, say: Say) -> None:
    first, second = lab.hosts["h1"], lab.hosts["h2"]
    assert "aes" in attribute(lab, first, "KVM_CPU_FEATURES").split(",")
    with without(lab, second, "aes, avx2"):
        cluster = lab.api.cluster.info(0).TEMPLATE
        assert "aes" not in cluster["CPU_BASELINE_FEATURES"].split(",")
        vm = lab.on("h1", "common", 'CPU_MODEL=[MODEL="host-model"]')
        lab.running(vm)
        model, more = cpu_of(lab, "h1", vm)
        say(f"{model} and {len(more)} features")
        assert model == cluster["CPU_BASELINE"] and "avx" in more and not {"aes", "avx2"} & more
        boot = lab.answers(vm)["boot_id"]
        lab.api.vm.migrate(vm, second.number, True, True, -1, 0)
        lab.running(vm)
        assert lab.whereabouts(vm) == ["h2"] and lab.answers(vm)["boot_id"] == boot
        ended(lab, vm)
        more = lab.on("h1", "more", 'CPU_MODEL=[MODEL="qemu64",FEATURES="aes"]')
        lab.running(more)
        for live in (True, False):
            said = refused(lab, "one.vm.migrate", more, second.number, live, True, -1, 0)
            assert said.endswith("lacks CPU features that the guest has: aes"), said
        assert lab.whereabouts(more) == ["h1"]
        ended(lab, more)


# ---- agents of another version, hosts that are emptied --------------------------------------------


def test_an_agent_of_another_version_takes_over_and_guests_do_not_notice(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm = lab.on("h1", "steady")
    lab.running(vm)
    process, agents = lab.hosts["h1"].qemus()[vm], lab.hosts["h1"].agents()
    was = attribute(lab, lab.hosts["h1"], "VERSION")
    shutil.copytree(ROOT / "src", tmp_path / "src")
    version = tmp_path / "src" / "innkeeper" / "host" / "__init__.py"
    version.write_text(version.read_text().replace(f'VERSION = "{was}"', 'VERSION = "0.1.1"'))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "src"))
    lab.stop()
    lab.start()
    for host in lab.hosts.values():
        wait_for(
            lambda h=host: attribute(lab, h, "VERSION") == "0.1.1", "the new agent is there", 60
        )
    monkeypatch.undo()
    lab.running(vm)
    assert lab.hosts["h1"].qemus()[vm] == process
    assert not set(agents) & set(lab.hosts["h1"].agents())
    lab.stop()
    lab.start()
    wait_for(lambda: attribute(lab, lab.hosts["h1"], "VERSION") == was, "the old one is back", 60)
    for host in lab.hosts.values():
        lab.host_is(host, 2)
    assert lab.hosts["h1"].qemus()[vm] == process
    ended(lab, vm)


def test_a_host_is_emptied_of_suspended_vms_too(lab: Lab, say: Say) -> None:
    vm = lab.on("h1", "asleep")
    lab.running(vm)
    boot = lab.answers(vm)["boot_id"]
    lab.api.vm.action("suspend", vm)
    lab.wait_phase(vm, SUSPENDED)
    began = time.monotonic()
    inn(lab, "host", "flush", "h1")
    wait_for(lambda: lab.recorded(vm) != "h1", "it has another host", 60)
    lab.wait_phase(vm, SUSPENDED)
    say(f"moved with its memory in {time.monotonic() - began:.1f} s")
    left = lab.hosts["h1"].root / "vms" / str(vm)
    wait_for(lambda: not left.exists(), "nothing of it is left on h1", 30)
    lab.api.host.status(lab.hosts["h1"].number, 0)
    lab.api.vm.action("resume", vm)
    lab.running(vm)
    assert lab.whereabouts(vm) == [lab.recorded(vm)] and lab.answers(vm, 90)["boot_id"] == boot
    ended(lab, vm)


# ---- on the way, and suddenly nobody is there ------------------------------------------------------


def cable_is_pulled(host: LabHost) -> None:
    with host.unplugged():
        time.sleep(2 * HEARTBEAT + GRACE + 2)  # longer than a host may be away


def power_is_cut(host: LabHost) -> None:
    host.power_cut()
    time.sleep(2)
    host.up()


@pytest.mark.parametrize("which", ["source", "target"])
@pytest.mark.parametrize("befalls", [cable_is_pulled, power_is_cut])
def test_what_is_on_its_way_when_a_host_goes_runs_once_in_the_end(
    lab: Lab, befalls: Callable[[LabHost], None], which: str, say: Say
) -> None:
    vm = lab.on("h1", "wanderer")
    lab.running(vm)
    lab.answers(vm)
    lab.api.vm.migrate(vm, lab.hosts["h2"].number, True, True, -1, 0)
    time.sleep(0.7)  # anywhere in the middle will do
    befalls(lab.hosts["h1" if which == "source" else "h2"])
    for host in lab.hosts.values():
        lab.host_is(host, 2)

    def settled() -> bool:
        """It rests where its record says: there it runs, or it is off because its host lost power."""
        phase = lab.phase(vm)
        where = [lab.recorded(vm)] if phase == RUNNING else []
        return phase in (RUNNING, (POWEROFF, 0)) and lab.whereabouts(vm) == where

    wait_for(settled, "it has come to rest", 240)
    say(f"{'runs' if lab.phase(vm) == RUNNING else 'is off'} on {lab.recorded(vm)}")
    if lab.phase(vm) != RUNNING:
        lab.api.vm.action("resume", vm)
        lab.running(vm)
    lab.answers(vm)
    ended(lab, vm)
    wait_for(lambda: not lab.leftovers(), "nothing is left on any host", 90)
