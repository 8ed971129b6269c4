#!/usr/bin/python3 -IS
"""LVM's programs without a device mapper: they know what volumes there are, and a volume's device is a sparse file.

Written from the manual pages of LVM 2.03: which words each program takes, what it refuses (a name that is taken, a
volume that is not there, no room, a snapshot of a thick volume without a size, a pool that still has volumes, removing
or renaming what is not there), and what ``--reportformat json`` looks like. Used because the kernels that the tests run
on lack a device mapper. A word that the manual does not have, or that this does not know, ends the program.

``INN_LVM`` is the folder: ``state.json``, ``log`` (one command line a line), and devices in ``dev/GROUP/VOLUME``, which
are there while a volume is active.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("INN_LVM", ""))
UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
EXTENT = 4 << 20


def fail(text: str) -> None:
    sys.exit(f"  {text}")


def size(text: str) -> int:
    """Bytes, in whole extents of 4 MiB, as LVM rounds."""
    number = int(text[:-1]) * UNITS[text[-1].lower()]
    return -(-number // EXTENT) * EXTENT


class Groups:
    """The volume groups: ``{name: {"size": bytes, "volumes": {name: {...}}}}``."""

    def __init__(self) -> None:
        self._file = FOLDER / "state.json"
        self.all: dict[str, Any] = json.loads(self._file.read_text())

    def save(self) -> None:
        self._file.write_text(json.dumps(self.all))

    def group(self, name: str) -> dict[str, Any]:
        if name not in self.all:
            fail(f'Volume group "{name}" not found')
        return self.all[name]  # type: ignore[no-any-return]

    def volume(self, path: str) -> tuple[dict[str, Any], str]:
        group, _, name = path.partition("/")
        volumes: dict[str, Any] = self.group(group)["volumes"]
        if name not in volumes:
            fail(f'Failed to find logical volume "{path}"')
        return volumes, name

    def free(self, name: str) -> int:
        """What is not taken: a thin volume takes nothing but from its pool."""
        group = self.group(name)
        taken = (v["size"] for v in group["volumes"].values() if v["kind"] != "thin")
        return int(group["size"]) - sum(taken)

    def need(self, name: str, wanted: int) -> None:
        if wanted > self.free(name):
            extents = wanted // EXTENT, self.free(name) // EXTENT
            fail(
                f'Volume group "{name}" has insufficient free space ({extents[1]} extents): {extents[0]} required.'
            )


def parser(*flags: str, **values: Any) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(allow_abbrev=False)
    for flag in flags:
        made.add_argument(f"--{flag}", action="store_true")
    return made


def device(group: str, volume: str) -> Path:
    return FOLDER / "dev" / group / volume


def backing(group: str, volume: str) -> Path:
    return FOLDER / "data" / group / volume


def lvcreate(words: list[str], groups: Groups) -> None:
    take = parser("yes", "snapshot")
    for name in ("type", "size", "virtualsize", "name", "thinpool", "wipesignatures", "zero"):
        take.add_argument(f"--{name}")
    take.add_argument("where", nargs="?", default="")
    asked = take.parse_args(words)
    group = (asked.thinpool or asked.where).partition("/")[0]
    volumes = groups.group(group)["volumes"]
    if asked.name in volumes:
        fail(f'Logical Volume "{asked.name}" already exists in volume group "{group}"')
    if asked.snapshot:
        there, origin = groups.volume(asked.where)
        if there[origin]["kind"] != "thin":
            fail("Please specify either size or extents with snapshots.")
        volumes[asked.name] = {**there[origin], "active": False}
        _data(group, asked.name).write_bytes(backing(group, origin).read_bytes())
        return
    if asked.type == "thin":
        _, pool = groups.volume(asked.thinpool)
        if volumes[pool]["kind"] != "thin-pool":
            fail(f"Logical volume {asked.thinpool} is not a thin pool.")
        made = {"kind": "thin", "size": size(asked.virtualsize), "pool": pool}
    else:
        groups.need(group, size(asked.size))
        made = {"kind": asked.type or "linear", "size": size(asked.size)}
    volumes[asked.name] = {**made, "active": False}
    # Who wrote there before is still to be seen, but for thin volumes.
    stale = b"\0" if made["kind"] == "thin" else b"\xa5"
    _data(group, asked.name).write_bytes(stale * made["size"])
    _activate(volumes, group, asked.name, True)


def _data(group: str, volume: str) -> Path:
    file = backing(group, volume)
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def _activate(volumes: dict[str, Any], group: str, name: str, active: bool) -> None:
    volumes[name]["active"] = active
    link = device(group, name)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    if active:
        link.symlink_to(backing(group, name))


def lvchange(words: list[str], groups: Groups) -> None:
    take = parser("ignoreactivationskip")
    take.add_argument("--activate", choices=("y", "n"), required=True)
    take.add_argument("volume")
    asked = take.parse_args(words)
    volumes, name = groups.volume(asked.volume)
    _activate(volumes, asked.volume.partition("/")[0], name, asked.activate == "y")


def lvextend(words: list[str], groups: Groups) -> None:
    take = parser()
    take.add_argument("--size", required=True)
    take.add_argument("volume")
    asked = take.parse_args(words)
    volumes, name = groups.volume(asked.volume)
    group = asked.volume.partition("/")[0]
    now = volumes[name]["size"]
    wanted = now + size(asked.size[1:]) if asked.size[0] == "+" else size(asked.size)
    if wanted <= now:
        fail("New size given is not larger than existing size")
    if volumes[name]["kind"] != "thin":
        groups.need(group, wanted - now)
    volumes[name]["size"] = wanted
    stale = b"\0" if volumes[name]["kind"] == "thin" else b"\xa5"
    with backing(group, name).open("ab") as file:
        file.write(stale * (wanted - now))


def lvrename(words: list[str], groups: Groups) -> None:
    group, old, new = words
    volumes, _ = groups.volume(f"{group}/{old}")
    if new in volumes:
        fail(f'Logical volume "{new}" already exists in volume group "{group}"')
    active = volumes[old]["active"]
    _activate(volumes, group, old, False)
    volumes[new] = volumes.pop(old)
    backing(group, old).rename(backing(group, new))
    _activate(volumes, group, new, active)


def lvremove(words: list[str], groups: Groups) -> None:
    take = parser("yes", "force")
    take.add_argument("volume")
    asked = take.parse_args(words)
    volumes, name = groups.volume(asked.volume)
    group = asked.volume.partition("/")[0]
    if any(other.get("pool") == name for other in volumes.values()):
        fail(f"Removing pool {name} will remove its dependent volumes: not done here")
    _activate(volumes, group, name, False)
    backing(group, name).unlink()
    del volumes[name]


def lvs(words: list[str], groups: Groups) -> None:
    name = _reporting(words, "lv_name,lv_size")
    volumes = groups.group(name)["volumes"]
    rows = [{"lv_name": lv, "lv_size": str(v["size"])} for lv, v in volumes.items()]
    print(json.dumps({"report": [{"lv": rows}]}))


def vgs(words: list[str], groups: Groups) -> None:
    name = _reporting(words, "vg_size,vg_free")
    row = {"vg_size": str(groups.group(name)["size"]), "vg_free": str(groups.free(name))}
    print(json.dumps({"report": [{"vg": [row]}]}))


def _reporting(words: list[str], columns: str) -> str:
    take = parser("nosuffix")
    take.add_argument("-o", choices=(columns,), required=True)
    take.add_argument("--reportformat", choices=("json",), required=True)
    take.add_argument("--units", choices=("b",), required=True)
    take.add_argument("group")
    return str(take.parse_args(words).group)


def blkdiscard(words: list[str], groups: Groups) -> None:
    """Of util-linux: here to write zeros."""
    take = parser("zeroout")
    take.add_argument("--offset", type=int, required=True)
    take.add_argument("device", type=Path)
    asked = take.parse_args(words)
    with asked.device.open("r+b") as file:
        end = file.seek(0, 2)
        file.seek(asked.offset)
        file.write(b"\0" * (end - asked.offset))


def main() -> None:
    program, words = Path(sys.argv[0]).name, sys.argv[1:]
    with (FOLDER / "log").open("a") as log:
        log.write(" ".join([program, *words]) + "\n")
    groups = Groups()
    globals()[program](words, groups)
    groups.save()


PROGRAMS = ("lvcreate", "lvchange", "lvextend", "lvrename", "lvremove", "lvs", "vgs", "blkdiscard")

if __name__ == "__main__":
    main()
