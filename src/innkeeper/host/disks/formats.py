"""Which format a foreign disk image has, whether it is whole, and whether it refers to anything but itself.

QEMU can find out formats too, but as it opens an image it opens what that refers to (a qcow2's data file, a VMDK's
extents), with which a hostile image reads any file of the machine. So an image's own first bytes are looked at before
QEMU gets to see it, and QEMU is always told which format to expect. What is none of the formats below is raw.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ..errors import FailedError, RefusedError
from ..tools import run

#: Formats that images may come in and go out as.
FOREIGN = ("raw", "qcow2", "vmdk", "vdi", "vhdx", "vpc")
#: Seconds that checking an image may take, and MiB of memory: a hostile one may ask for any amount of both.
_CHECK_TIME, _CHECK_MEMORY = 3600.0, 4096
#: Formats whose metadata `qemu-img check` knows how to check; 3 is its status for space that is only wasted.
_CHECKED, _ONLY_LEAKS = ("qcow2", "vmdk", "vdi", "vhdx"), 3
_SECTOR = 512
_HEAD = 4096

# The formats' headers. qcow2: magic, version, place and length of the backing file's name, cluster bits, size,
# encryption; from version 3 on features that a reader must know at 72 (QEMU's docs/interop/qcow2.txt).
_QCOW2 = struct.Struct(">4sIQII8xI")
_QCOW2_FEATURES = struct.Struct(">Q")
_CORRUPT, _DATA_FILE = 2, 4
# VMDK (Virtual Disk Format 5.0): magic, version, flags, capacity, grain size, place and length of the description.
_VMDK = struct.Struct("<4sIIQQQQ")
_NO_PARENT = b"ffffffff"
_LONGEST_DESCRIPTION = 1 << 20
# VHD: cookie, ..., kind of disk at 60 (4: changes over another file).
_VPC = struct.Struct(">8s52xI")
_DIFFERENCE = 4
# VDI: signature at 64; place of the data at 0x158, size of a block at 0x178, blocks with data at 0x184.
_VDI_SIGNATURE = 0xBEDA107F
_VDI = struct.Struct("<64xI276xI28xI8xI")


def detect(path: Path) -> str:
    """The format of an image that is ours already, by its own first bytes."""
    with path.open("rb") as file:
        return _format(file)


def check(path: Path, name: str) -> str:
    """The format of an image that came from somewhere; RefusedError, with ``name``, says what is wrong with it."""
    with path.open("rb") as file:
        image_format = _format(file)
        look = _LOOKS.get(image_format)
        try:
            if look is not None:
                look(file)
        except (struct.error, _Unfit) as unfit:
            text = str(unfit) if isinstance(unfit, _Unfit) else "it is cut short in its header"
            raise RefusedError(f"{name} is no usable {image_format} image: {text}") from unfit
    _check_structure(path, image_format, name)
    return image_format


class _Unfit(Exception):
    """Why an image cannot be used."""


def _format(file: IO[bytes]) -> str:
    head = _at(file, 0, _HEAD)
    for magic, image_format in _MAGIC.items():
        if head.startswith(magic):
            return image_format
    if len(head) >= _VDI.size and _VDI.unpack_from(head)[0] == _VDI_SIGNATURE:
        return "vdi"
    # A disk of fixed size has its description only at the end.
    return "vpc" if _footer(file).startswith(b"conectix") else "raw"


_MAGIC = {
    b"QFI\xfb": "qcow2",
    b"KDMV": "vmdk",
    b"COWD": "vmdk",
    b"# Disk DescriptorFile": "vmdk",
    b"vhdxfile": "vhdx",
    b"conectix": "vpc",
    b"QED\0": "qed",
    b"WithoutFreeSpace": "parallels",
    b"WithouFreSpacExt": "parallels",
}


def _at(file: IO[bytes], place: int, length: int) -> bytes:
    file.seek(place)
    return file.read(length)


def _footer(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    return _at(file, max(0, size - _SECTOR), _SECTOR)


def _look_qcow2(file: IO[bytes]) -> None:
    head = _at(file, 0, _HEAD)
    _, version, place, length, _, encrypted = _QCOW2.unpack_from(head)
    if version not in (2, 3):
        raise _Unfit(f"it is of version {version}, not 2 or 3")
    if place:
        raise _refers(_at(file, place, min(length, _HEAD)))
    if encrypted:
        raise _Unfit("it is encrypted")
    features = _QCOW2_FEATURES.unpack_from(head, 72)[0] if version > 2 else 0
    if features & _DATA_FILE:
        raise _refers(b"its data lies outside")
    if features & _CORRUPT:
        raise _Unfit("it is marked as corrupt")


def _refers(what: bytes) -> _Unfit:
    return _Unfit(
        f"it refers to another file ({what.decode(errors='replace')}), which may be anything"
    )


def _look_vmdk(file: IO[bytes]) -> None:
    head = _at(file, 0, _HEAD)
    if head.startswith(b"#"):
        raise _refers(b"a mere description: its extents, of which a flat one is a raw image")
    magic, _, _, capacity, _, place, length = _VMDK.unpack_from(head)
    if magic != b"KDMV":
        raise _Unfit("it is of the old COWD kind")
    # QEMU takes one without capacity for a mere description, and opens the files that that names.
    if not capacity:
        raise _refers(b"its capacity lies outside")
    description = _at(file, place * _SECTOR, min(length * _SECTOR, _LONGEST_DESCRIPTION))
    for line in description.split(b"\n"):
        key, _, value = line.partition(b"=")
        if key.strip() == b"parentCID" and value.strip() != _NO_PARENT:
            raise _refers(b"the disk that it holds the changes of")


def _look_vdi(file: IO[bytes]) -> None:
    _, place, block, blocks = _VDI.unpack_from(_at(file, 0, _HEAD))
    size = file.seek(0, os.SEEK_END)
    if place + block * blocks > size:
        raise _Unfit(f"it is cut short: {place + block * blocks} bytes are due, {size} came")


def _look_vpc(file: IO[bytes]) -> None:
    footer = _footer(file)
    if not footer.startswith(b"conectix"):
        raise _Unfit("it is cut short: its end is missing")
    if _VPC.unpack_from(footer)[1] == _DIFFERENCE:
        raise _refers(b"the disk that it holds the changes of")


def _look_other(file: IO[bytes]) -> None:
    raise _Unfit(f"images come as {', '.join(FOREIGN)}")


_LOOKS: dict[str, Callable[[IO[bytes]], None]] = {
    "qcow2": _look_qcow2,
    "vmdk": _look_vmdk,
    "vdi": _look_vdi,
    "vpc": _look_vpc,
    "qed": _look_other,
    "parallels": _look_other,
}


def _check_structure(path: Path, image_format: str, name: str) -> None:
    """Lets QEMU go through the image's tables: what it points to must be there, and be there once."""
    verb = "check" if image_format in _CHECKED else "info"
    command = ["qemu-img", verb, "-f", image_format, "--output=json", str(path)]
    try:
        said = run(
            *command, timeout=_CHECK_TIME, memory_mib=_CHECK_MEMORY, good=(0, _ONLY_LEAKS)
        )  # fmt: skip
    except FailedError as broken:
        text = str(broken).replace(str(path), name)
        raise RefusedError(f"{name} is a damaged {image_format} image: {text}") from broken
    if json.loads(said).get("check-errors"):
        raise RefusedError(f"{name} is a damaged {image_format} image: it cannot be read through")
