"""What OpenNebula's templates may ask for and no host of this release does: refused by name, never passed over.

Values by which clients say that they do not want it (empty, NO, NONE, 0) are taken for what they say.
"""

import re

from innkeeper.model.errors import must_be
from innkeeper.model.template import Template, Vector, as_int

from .draft import Draft, problem

_NOT_WANTED = frozenset({"", "NO", "NONE", "0", "OFF", "FALSE"})
#: Whole attributes, and why.
_WHOLE = {
    "PCI": "devices of hosts are not passed through",
    "IOMMU": "devices of hosts are not passed through",
    "MEMORY_ENCRYPTION": "memory is not encrypted",
    "TPM": "hosts emulate no TPM",
    "HYPERV_OPTIONS": "use RAW instead",
    "SPICE_OPTIONS": "use RAW instead",
}
#: Parts of vectors, and why.
_PARTS = {
    "OS": {
        "FIRMWARE_FORMAT": "a host brings its own firmware",
        "FIRMWARE_SECURE": "secure boot is not available",
    },
    "FEATURES": {
        "RAS": "it is not available",
        "VIRTIO_SCSI_QUEUES": "it is not available",
        "VIRTIO_BLK_QUEUES": "it is not available",
        "IOTHREADS": "it is not available",
    },
    "DISK": {
        "IOTHREAD": "it is not available",
        "VIRTIO_BLK_QUEUES": "it is not available",
        "RECOVERY_SNAPSHOT_FREQ": "it is not available",
    },
    "TOPOLOGY": {
        "PIN_POLICY": "VMs are not pinned to CPUs",
        "HUGEPAGE_SIZE": "huge pages are not available",
        "MEMORY_ACCESS": "huge pages are not available",
        "NODE_AFFINITY": "VMs are not bound to memory nodes",
    },
    "VIDEO": {"IOMMU": "it is not available", "ATS": "it is not available"},
}
_FIRMWARE = ("", "BIOS", "UEFI")
_MOST_VRAM = 1 << 20
_RESOLUTION = re.compile(r"[1-9][0-9]{1,4}x[1-9][0-9]{1,4}")


def fill(draft: Draft) -> None:
    """Refuses what nobody would act on."""
    check(draft.template)


def check(template: Template) -> None:
    """Refuses a template that asks for what is not available."""
    for name, why in _WHOLE.items():
        if any(_wanted(value) for value in template.values(name)):
            raise problem(f"{name} is not available in this release: {why}.")
    for name, parts in _PARTS.items():
        for vector in template.vectors(name):
            for part, why in parts.items():
                if vector.get(part, "").upper() not in _NOT_WANTED:
                    raise problem(f"{part} of {name} is not available in this release: {why}.")
    firmware = (template.vector("OS") or {}).get("FIRMWARE", "")
    if firmware.upper() not in _FIRMWARE:
        raise problem(must_be("FIRMWARE of OS", "BIOS or UEFI", firmware))
    video = template.vector("VIDEO") or {}
    if video.get("RESOLUTION") and not _RESOLUTION.fullmatch(video["RESOLUTION"]):
        raise problem(must_be("RESOLUTION of VIDEO", "like 1024x768", video["RESOLUTION"]))
    if video.get("VRAM") and not 1024 <= (as_int(video["VRAM"]) or 0) <= _MOST_VRAM:
        raise problem(must_be("VRAM of VIDEO", f"from 1024 to {_MOST_VRAM} kB", video["VRAM"]))


def _wanted(value: str | Vector) -> bool:
    return bool(value) if isinstance(value, dict) else value.upper() not in _NOT_WANTED
