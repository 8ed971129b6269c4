"""The processor that the guest sees: its features, sockets, cores and threads (spec: templates.md sections 4.2, 4.6).

No VM is pinned to CPUs of its host.
"""

import re

from innkeeper.lifecycle.descriptions import cpu_features
from innkeeper.model.errors import must_be
from innkeeper.model.template import Template, as_int

from .draft import Draft, problem

_FEATURE = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_SHAPE = ("SOCKETS", "CORES", "THREADS")


def fill(draft: Draft) -> None:
    """Checks CPU_MODEL, and completes TOPOLOGY; nodes of memory are only for pinned VMs."""
    template = draft.template.without("NUMA_NODE")
    for name in cpu_features(template):
        if not _FEATURE.fullmatch(name):
            raise problem(must_be("FEATURES of CPU_MODEL", "names joined by commas", name[:40]))
    topology = template.vector("TOPOLOGY")
    if topology is not None:
        if "VCPU_MAX" in template:
            raise problem("VCPU_MAX and TOPOLOGY exclude each other.")
        shape = _shape(template, [topology.get(name, "") for name in _SHAPE])
        made = {**topology, **dict(zip(_SHAPE, map(str, shape), strict=True))}
        vcpus = shape[0] * shape[1] * shape[2]
        template = template.with_("TOPOLOGY", made).with_("VCPU", str(vcpus))
    draft.template = template


def _shape(template: Template, given: list[str]) -> tuple[int, int, int]:
    vcpus = as_int(template.get("VCPU") or "1") or 1
    if not any(given):
        return 1, vcpus, 1
    sockets, cores, threads = (as_int(text) or 0 for text in given)
    if min(sockets, cores, threads) < 1:
        raise problem(
            f"TOPOLOGY needs SOCKETS, CORES and THREADS, all at least 1, or none; not {given}."
        )
    if sockets * cores * threads != vcpus:
        raise problem(f"TOPOLOGY makes {sockets * cores * threads} CPUs, VCPU says {vcpus}.")
    return sockets, cores, threads
