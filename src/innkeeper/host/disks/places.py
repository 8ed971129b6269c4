"""From a VM's folder to where its disks lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import RefusedError
from ..files import read_json
from ..folders import VmFolder
from .files import FilePlace
from .place import Place, Source
from .qcow2 import Disk
from .records import place_in


def of(folder: VmFolder, number: int, image_format: str) -> Place:
    """Where a disk of a VM lies. ``image_format`` is that of a file."""
    noted = folder.state().places.get(str(number))
    return _noted(folder, noted) if noted else FilePlace(folder, number, image_format)


def assigned(folder: VmFolder, disk: Disk) -> Place:
    """Where a disk is to lie that will be made: noted before it is."""
    if disk.store is None:
        return FilePlace(folder, disk.number, disk.format)
    noted = {"store": disk.store, "name": disk.name, "own": disk.kind != "link"}
    state = folder.state()
    if state.places.get(str(disk.number)) != noted:
        state.places = {**state.places, str(disk.number): noted}
        folder.write(state)
    return _noted(folder, noted)


def forget(folder: VmFolder, number: int) -> None:
    """The disk is no more."""
    state = folder.state()
    if str(number) in state.places:
        state.places = {key: noted for key, noted in state.places.items() if key != str(number)}
        folder.write(state)


def outside(folder: VmFolder) -> dict[int, Place]:
    """The disks of a VM that are no files of its folder."""
    places = folder.state().places
    return {int(number): _noted(folder, noted) for number, noted in places.items()}


def stores_of(folder: VmFolder) -> set[int]:
    """The stores that a VM's disks lie in."""
    return {int(noted["store"]) for noted in folder.state().places.values()}


def sources(folder: VmFolder) -> dict[int, Source]:
    """How QEMU reaches those."""
    found = {number: place.source() for number, place in outside(folder).items()}
    return {number: source for number, source in found.items() if source is not None}


def _noted(folder: VmFolder, noted: dict[str, Any]) -> Place:
    file: Path = folder.stores / f"{noted['store']}.json"
    record = read_json(file)
    if record is None:
        raise RefusedError(
            f"VM {folder.vm} has a disk in store {noted['store']}, which this host knows nothing of"
        )
    return place_in(record, noted["name"], noted["own"])
