"""The order in which a VM's devices are tried at boot (spec: templates.md section 4.2, BOOT of OS)."""

import re

from .draft import Draft, problem

_DEVICE = re.compile(r"(disk|nic)([0-9]{1,4})")


def fill(draft: Draft) -> None:
    """Writes ORDER into the DISKs and NICs that OS/BOOT names."""
    boot = (draft.template.vector("OS") or {}).get("BOOT", "")
    devices = [device.strip() for device in boot.split(",") if device.strip()]
    for order, device in enumerate(devices, start=1):
        found = _DEVICE.fullmatch(device.lower())
        if not found:
            text = f"BOOT of OS must be a list like disk0,nic0; {device[:40]!r} is not of it."
            raise problem(text)
        name, vectors = ("DISK_ID", draft.disks) if found[1] == "disk" else ("NIC_ID", draft.nics)
        named = [vector for vector in vectors if int(vector[name]) == int(found[2])]
        if not named:
            raise problem(f"BOOT of OS names {device}, which the VM does not have.")
        named[0]["ORDER"] = str(order)
    for name, vectors in (("DISK", draft.disks), ("NIC", draft.nics)):
        if devices and vectors:
            draft.template = draft.template.with_(name, *vectors)
