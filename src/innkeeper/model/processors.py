"""Processors: what hosts can give their guests, what all of a cluster can, and what a guest was given. Pure.

A guest that is moved while it has a memory must find every feature of its CPU on the host that it comes to. One that
asks for a CPU like its host's gets, where the hosts of a cluster differ, the cluster's *baseline* instead: of the
models that run on all of them the one with the most features, and the features besides that all of them have.

Agents report (docs/agent-protocol.md) `features`, all that a guest's CPU can have there, and `cpu_sets`, the features
of each named model that runs there. A host's attribute CPU_WITHOUT takes features away that guests shall not use.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .objects import Host, Vm
from .states import HostState, VmAction, VmState
from .template import Template

#: Models that stand for "like the host"; the empty one is the first of these under KVM.
LIKE_HOST = frozenset({"host-passthrough", "host-model"})

Features = frozenset[str]


def names(text: str) -> Features:
    """The names in a list that is joined by commas or blanks."""
    return frozenset(name for name in re.split(r"[,\s]+", text) if name)


@dataclass(frozen=True)
class Processor:
    """A CPU for a guest: a model, and what it has besides the model's own features."""

    model: str
    extra: Features


def asked(template: Template) -> Processor:
    """What a VM's template asks for; the model is empty when it does not say."""
    wanted = template.vector("CPU_MODEL") or {}
    return Processor(wanted.get("MODEL", ""), names(wanted.get("FEATURES", "")))


def features(host: Host) -> Features:
    """All that a guest's CPU can have on a host; nothing when it has not told."""
    return frozenset(host.facts.get("features", ())) - _hidden(host)


def models(host: Host) -> dict[str, Features]:
    """The named models that run on a host, with the features of each."""
    hidden = _hidden(host)
    sets = {name: frozenset(has) for name, has in host.facts.get("cpu_sets", {}).items()}
    return {name: has for name, has in sets.items() if not has & hidden}


def _hidden(host: Host) -> Features:
    return names(host.template.get("CPU_WITHOUT", "") or "")


def like_host(wanted: Processor, host: Host) -> bool:
    """Does a guest that asks for this get a CPU like that of the host that it starts on?"""
    return wanted.model in LIKE_HOST or (
        not wanted.model and host.facts.get("accelerator") == "kvm"
    )


def baseline(hosts: Iterable[Host]) -> Processor | None:
    """The best CPU that runs on all of these hosts; None when there is none, or they have not told."""
    known = [(features(host), models(host)) for host in hosts]
    if not known:
        return None
    common = frozenset.intersection(*(has for has, _ in known))
    shared = set.intersection(*(set(sets) for _, sets in known))
    suitable = [
        (len(has), name) for name, has in known[0][1].items() if name in shared and has <= common
    ]
    if not suitable:
        return None
    model = max(suitable)[1]
    return Processor(model, common - known[0][1][model])


def peers(hosts: Iterable[Host], cluster: int) -> list[Host]:
    """The hosts of a cluster that have told what their processors can do."""
    return [
        host
        for host in hosts
        if host.cluster_id == cluster
        and host.state is not HostState.OFFLINE
        and host.facts.get("features")
    ]


def differ(hosts: list[Host]) -> bool:
    """Would a CPU like that of one of these hosts be another one on another of them?"""
    return len({(host.facts.get("cpu_model"), features(host)) for host in hosts}) > 1


#: What hosts of a kind have in common (`Kinds`): whether they differ, and their baseline.
Common = tuple[bool, Processor | None]


class Kinds:
    """What the hosts of each cluster, accelerator and architecture have in common: worked out when it is asked for.

    It is kept until a host changes in what it follows from, since a start of a guest must not look at 1,000 hosts.
    """

    def __init__(self) -> None:
        self._common: dict[tuple[int, object, object], Common] = {}

    def change(self, old: Host | None, new: Host | None) -> None:
        if old is None or new is None or _told(old) != _told(new):
            self._common.clear()

    def of(self, host: Host, hosts: Iterable[Host]) -> Common:
        """What a host has in common with those of its kind among `hosts`, all there are."""
        kind = host.cluster_id, host.facts.get("accelerator"), host.facts.get("arch")
        found = self._common.get(kind)
        if found is None:
            same = [
                each
                for each in peers(hosts, host.cluster_id)
                if (each.facts.get("accelerator"), each.facts.get("arch")) == kind[1:]
            ]
            found = self._common[kind] = differ(same), baseline(same)
        return found


def _told(host: Host) -> tuple[object, ...]:
    """What of a host bears on the CPUs of guests."""
    offline = host.state is HostState.OFFLINE
    return host.cluster_id, offline, host.facts, host.template.get("CPU_WITHOUT")


def instead(wanted: Processor, host: Host, hosts: Iterable[Host], kinds: Kinds) -> Processor | None:
    """The CPU that a guest is to be given on a host in the place of the one that it asks for; None: that one."""
    if not like_host(wanted, host):
        return None
    differs, common = kinds.of(host, hosts)
    if common is None or (not differs and not _hidden(host)):
        return None
    return Processor(common.model, common.extra | wanted.extra)


def given(cpu: dict[str, Any], host: Host) -> Features:
    """All features of a guest's CPU, as its agent describes it; nothing when they are not known."""
    model, sets = cpu.get("model"), host.facts.get("cpu_sets", {})
    if model in sets:
        base = frozenset(sets[model])
    elif cpu.get("mode") in ("host-passthrough", "host-model", "maximum"):
        base = frozenset(host.facts.get("features", ()))
    else:
        return frozenset()
    return (base | frozenset(cpu.get("require", ()))) - frozenset(cpu.get("disable", ()))


def has_memory(vm: Vm) -> bool:
    """Does a VM's guest go on where it comes to, instead of booting there?"""
    stopped = vm.place is None and bool(vm.history) and vm.history[-1].action == VmAction.STOP
    return vm.running or vm.state is VmState.SUSPENDED or stopped


def demanded(vm: Vm) -> Features:
    """The features without which a VM cannot be on a host: asked for, or what its guest has seen already."""
    return asked(vm.template).extra | (names(vm.processor) if has_memory(vm) else frozenset())


def lacking(host: Host, wanted: Features) -> list[str]:
    """Which of these features a host cannot give, by name; none when the host has not told what it can."""
    return sorted(wanted - features(host)) if host.facts.get("features") else []


def unfit(host: Host, wanted: Features) -> str:
    """Why a guest with these features cannot be on a host; empty when it can."""
    missing = lacking(host, wanted)
    return f"it lacks CPU features: {', '.join(missing)}" if missing else ""
