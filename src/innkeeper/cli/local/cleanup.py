"""What is left on this machine when the front end has ended: taken away, then looked for."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from innkeeper.cli.errors import CliError
from innkeeper.cli.local import agent
from innkeeper.cli.local.agent import Agent
from innkeeper.cli.local.folder import DataFolder
from innkeeper.cli.local.progress import Progress

_SHUTDOWN_SECONDS = 60
_GONE_SECONDS = 10
_AWAKE = frozenset({"running", "paused", "starting"})
_TABLE = ["inet", "innkeeper"]


class Traces(NamedTuple):
    """What of ours was on the machine: the numbers of VMs, and the names of bridges."""

    vms: frozenset[int] = frozenset()
    awake: frozenset[int] = frozenset()
    bridges: frozenset[str] = frozenset()

    @classmethod
    def read(cls, observed: dict[str, Any]) -> Traces:
        """From the agent's answer to `observe`."""
        vms = observed["vms"]
        return cls(
            vms=frozenset(vm["vm"] for vm in vms),
            awake=frozenset(vm["vm"] for vm in vms if vm["state"] in _AWAKE),
            bridges=frozenset(network["bridge"] for network in observed["networks"]),
        )


def clear(folder: DataFolder, purge: bool, progress: Progress) -> Traces:
    """End guests that still run, give back bridges and rules, stop the libvirt that is ours.

    With `purge` the guests' disks go too. Returns what there was; `awake` are the VMs ended here.
    """
    zone = agent.owner(folder.host)
    if zone is None:
        agent.stop_libvirt(folder)
        return Traces()
    progress.say("giving back bridges and rules")
    agent.ensure_libvirt(folder)
    with Agent(folder.host, zone) as helper:
        if not helper.has_hypervisor:
            raise CliError(f"cannot look for guests: {helper.facts.get('hypervisor_reason')}")
        observed = helper.request("observe", {})
        for vm in observed["vms"]:
            _put_away(helper, vm, purge, progress)
        helper.request("retire", {})
        after = Traces.read(helper.request("observe", {}))
    if not after.awake:
        agent.stop_libvirt(folder)
    return Traces.read(observed)


def _put_away(helper: Agent, vm: dict[str, Any], purge: bool, progress: Progress) -> None:
    who = {"vm": vm["vm"], "generation": vm["generation"]}
    if vm["state"] in _AWAKE:
        progress.say(f"VM {vm['vm']} still runs: ending it")
        _end(helper, who)
    if purge:
        helper.request("vm.remove", who)
    else:
        helper.request("network.release", who)


def _end(helper: Agent, who: dict[str, Any]) -> None:
    try:
        helper.request("domain.shutdown", {**who, "patience": _SHUTDOWN_SECONDS})
    except CliError:
        helper.request("domain.destroy", who)


def remains(folder: DataFolder, traces: Traces, progress: Progress) -> list[str]:
    """What is still there of all that, one line each; empty when nothing is.

    The kernel takes a moment to remove the interface of a guest that has ended: it is waited for.
    """
    try:
        progress.wait(
            "nothing to be left", lambda: not found(folder, traces) or None, _GONE_SECONDS
        )
    except CliError:
        return found(folder, traces)
    return []


def found(folder: DataFolder, traces: Traces) -> list[str]:
    """What is there of all that at this moment."""
    return [
        *_processes(folder),
        *(f"interface {name}" for name in _interfaces(traces)),
        *_rules(traces),
    ]


def _processes(folder: DataFolder) -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if _works_on(folder, words):
            yield f"process {path.parent.name} {' '.join(words[:4])}"


def _works_on(folder: DataFolder, words: list[str]) -> bool:
    """Whether a command line is the daemon, an agent, a guest or a libvirt of this data folder."""
    program = Path(words[0]).name
    agents = (folder.root / "run" / "agent.pyz", folder.agent_file)
    ours = program.startswith(("qemu-system", "libvirtd", "virtlogd")) or bool(
        {"daemon", *map(str, agents)} & set(words)
    )
    inside = f"{folder.root}/"
    return ours and any(inside in word or word == str(folder.root) for word in words)


def _interfaces(traces: Traces) -> list[str]:
    names = [name for _, name in socket.if_nameindex()]
    taps = tuple(f"one-{number}-" for number in traces.vms)
    return [name for name in names if name in traces.bridges or name.startswith(taps)]


def _rules(traces: Traces) -> list[str]:
    try:
        done = subprocess.run(["nft", "list", "table", *_TABLE], capture_output=True, text=True)
    except OSError:
        return []
    if done.returncode != 0:
        return []
    found = [name for name in traces.bridges if name in done.stdout]
    if found:
        return [f"firewall rules for {name}" for name in found]
    return [] if "chain" in done.stdout else ["empty firewall table inet innkeeper"]
