"""libvirt's statistics of live domains, in the words of its bulk call (virConnectGetAllDomainStats)."""

from __future__ import annotations

import contextlib
from typing import Any

from ..xmltree import parse
from .binding import libvirt
from .domain_xml import vm_of_name

Statistics = dict[str, Any]


def bulk(connection: Any) -> list[tuple[Any, Statistics]]:
    """All live domains with what metrics are made from, in one call."""
    module = libvirt()
    wanted = (
        module.VIR_DOMAIN_STATS_STATE | module.VIR_DOMAIN_STATS_CPU_TOTAL
        | module.VIR_DOMAIN_STATS_BALLOON | module.VIR_DOMAIN_STATS_INTERFACE
        | module.VIR_DOMAIN_STATS_BLOCK
    )  # fmt: skip
    flags = (
        module.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
        # A guest that is being saved must not hold up the others' figures.
        | module.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    )
    found: list[tuple[Any, Statistics]] = connection.getAllDomainStats(wanted, flags)
    return found


def one_by_one(connection: Any) -> list[tuple[Any, Statistics]]:
    """The same, asked of each domain, for a driver that has no bulk call; one that ends meanwhile is left out."""
    module = libvirt()
    found = []
    for domain in connection.listAllDomains(module.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
        if vm_of_name(domain.name()) is None:
            continue
        try:
            found.append((domain, _asked(domain)))
        except module.libvirtError:
            continue
    return found


def _asked(domain: Any) -> Statistics:
    module = libvirt()
    state, reason = domain.state()
    said: Statistics = {
        "state.state": state,
        "state.reason": reason,
        "cpu.time": domain.info()[4],
    }
    # That it is there must be told, also of a guest whose driver counts less.
    with contextlib.suppress(module.libvirtError):
        known = domain.memoryStats()
        said["balloon.rss"] = known.get("rss", known.get("actual", 0))
    with contextlib.suppress(module.libvirtError):
        said |= _traffic(domain)
    return said


def _traffic(domain: Any) -> Statistics:
    targets = parse(domain.XMLDesc()).findall("devices/interface/target")
    said: Statistics = {"net.count": len(targets)}
    for number, target in enumerate(targets):
        received, _, _, _, sent, *_ = domain.interfaceStats(target.get("dev"))
        said |= {f"net.{number}.rx.bytes": received, f"net.{number}.tx.bytes": sent}
    return said
