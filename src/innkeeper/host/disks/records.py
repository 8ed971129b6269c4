"""Which stores outside of VMs' folders are used here, and by which VMs.

Theory of operation
-------------------
``stores/<id>.json`` is the only truth about a store on this host: how it is reached, with its key, and the VMs that use
it; nobody but root can read it. A record is written *before* libvirt is given the key as a secret, and removed *after*
the secret is, with the last VM. The secret's number is the same on all hosts of a zone, because a guest takes it along
when it moves.
"""

from __future__ import annotations

import base64
import threading
import uuid
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..files import read_json, remove_durably, write_json
from ..hypervisor.binding import libvirt
from .ceph import Pool
from .lvm import LvmPlace
from .place import Place
from .rbd import RbdPlace

DRIVERS = ("rbd", "lvm")


def place_in(record: dict[str, Any], name: str, own: bool) -> Place:
    """A disk by its name in a store."""
    described = Arguments(record)
    if described.choice("driver", DRIVERS) == "rbd":
        return RbdPlace(Pool.described(described), name, own)
    return LvmPlace(described.file_name("group"), name, described.flag("thin"))


def secret_number(zone: str, store: int) -> str:
    """What libvirt calls the key of a store."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"innkeeper/{zone}/{store}"))


class Stores:
    """The stores of one root. ``connection`` gives libvirt's, which is asked for only when there is a key."""

    def __init__(self, folder: Path, zone: str, connection: Callable[[], Any]) -> None:
        self._folder, self._zone, self._connection = folder, zone, connection
        self._lock = threading.Lock()

    def ensure(self, vm: int, described: list[Arguments]) -> None:
        """Notes that the VM uses these stores, and lets QEMU use them."""
        with self._lock:
            for part in described:
                self._ensure(vm, part)

    def _ensure(self, vm: int, part: Arguments) -> None:
        number = part.integer("store")
        record = part.as_dict()
        own = part.choice("driver", DRIVERS) == "rbd" and "key" in part
        if own:
            record["secret"] = secret_number(self._zone, number)
        place_in(record, "probe", own=False)  # refuses what cannot be used
        known = self.record(number) or {"vms": []}
        record["vms"] = sorted({*known["vms"], vm})
        if record != known:
            write_json(self._file(number), record)
        if own:
            self._give_secret(record)

    def release(self, vm: int, but: Collection[int] = ()) -> None:
        """The VM uses no store any more, or only some; what nobody uses is forgotten."""
        with self._lock:
            for file in self._folder.glob("*.json") if self._folder.is_dir() else ():
                record = read_json(file)
                if record is None or record["store"] in but:
                    continue
                left = [user for user in record["vms"] if user != vm]
                if left:
                    write_json(file, {**record, "vms": left})
                elif vm in record["vms"] or not record["vms"]:
                    self._forget(file, record)

    def drop_users(self, present: set[int]) -> None:
        """Forgets users that are not among the VMs ``present``."""
        for file in self._folder.glob("*.json") if self._folder.is_dir() else ():
            for vm in set((read_json(file) or {"vms": []})["vms"]) - present:
                self.release(vm)

    def _forget(self, file: Path, record: dict[str, Any]) -> None:
        write_json(file, {**record, "vms": []})
        if "key" in record:
            self._take_secret(record["secret"])
        remove_durably(file)

    def record(self, number: int) -> dict[str, Any] | None:
        """What is known of a store."""
        found: dict[str, Any] | None = read_json(self._file(number))
        return found

    def _file(self, number: int) -> Path:
        return self._folder / f"{number}.json"

    # libvirt's part

    def _give_secret(self, record: dict[str, Any]) -> None:
        number = record["secret"]
        xml = (
            f"<secret ephemeral='no' private='yes'><uuid>{number}</uuid>"
            f"<description>of Innkeeper, datastore {record['store']}</description>"
            f"<usage type='ceph'><name>innkeeper-{number}</name></usage></secret>"
        )
        self._connection().secretDefineXML(xml).setValue(base64.b64decode(record["key"]), 0)

    def _take_secret(self, number: str) -> None:
        module = libvirt()
        try:
            self._connection().secretLookupByUUIDString(number).undefine()
        except module.libvirtError as problem:
            if problem.get_error_code() != module.VIR_ERR_NO_SECRET:
                raise
