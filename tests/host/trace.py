"""Everything on a test host that a VM could leave behind."""

from __future__ import annotations

import json
from typing import Any

from tests.host.lab import Lab

_FOLDERS = ("/run/libvirt", "/var/lib/libvirt", "/var/log/libvirt")


def traces(lab: Lab) -> dict[str, Any]:
    """Interfaces, firewall rules, domains, processes and libvirt's files, for comparing."""
    links = json.loads(lab.run("ip", "-j", "address"))
    processes = lab.run("ps", "-eo", "comm=").split()
    return {
        "interfaces": {link["ifname"]: [a["local"] for a in link["addr_info"]] for link in links},
        "rules": lab.run("nft", "list", "ruleset"),
        "domains": lab.run("virsh", "-c", "qemu:///system", "list", "--all", "--name").split(),
        "processes": sorted(name for name in processes if not _passing(name)),
        "files": sorted(lab.run("find", *_FOLDERS, "-name", "*one-*").split()),
    }


def _passing(name: str) -> bool:
    """Processes that come and go by themselves."""
    return name in ("ps", "sleep", "nsenter") or name.startswith("python3")
