"""Whose the disks are that hosts share: QEMU's user's, for as long as they are there.

libvirt gives a disk to QEMU's user when a guest starts and takes it back when the guest is gone from this host: after
a migration, that is while the guest runs on another. It knows better about some network file systems, not about all
folders that hosts share; so it is told to leave these disks alone, and they are given away once.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..folders import VmFolder
from ..xmltree import parse


def qemu_user(capabilities_xml: str) -> tuple[int, int] | None:
    """The user and group numbers that libvirt runs QEMU as (its DAC base label); None: as itself."""
    root = parse(capabilities_xml)
    for model in root.findall("host/secmodel"):
        if model.findtext("model") == "dac":
            found = re.fullmatch(r"\+(\d+):\+(\d+)", model.findtext("baselabel") or "")
            return (int(found[1]), int(found[2])) if found else None
    return None


def shared_disks(folder: VmFolder) -> dict[int, Path]:
    """The disks of a VM that lie in a folder that hosts share (``<store>/<vm>/disk.N``), by number."""
    found = {}
    for link in folder.path.glob("disk.*"):
        if link.is_symlink() and link.readlink().parts[-2:] == (str(folder.vm), link.name):
            found[int(link.suffix[1:])] = link.readlink()
    return found


def give_away(disks: dict[int, Path], user: tuple[int, int] | None) -> None:
    """Gives disks to QEMU's user, if they are not that user's."""
    for disk in disks.values():
        if user is not None and disk.exists():
            status = disk.stat()
            if (status.st_uid, status.st_gid) != user:
                os.chown(disk, *user)
