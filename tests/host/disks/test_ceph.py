"""What Ceph says, in terms of a datastore; where the key is and is not. With a real Ceph: tests/real/test_ceph.py."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.disks import ceph
from innkeeper.host.disks.ceph import Pool
from innkeeper.host.disks.qcow2 import described
from innkeeper.host.errors import BadArgsError, FailedError, RefusedError

KEY = "AQBhZ2VuAAAAABAAAAAAAAAAAAAAAAAAAAAAAA=="
STORE: dict[str, Any] = {
    "store": 103, "driver": "rbd", "pool": "one", "monitors": ["10.0.0.1", "[fd00::1]:3300"],
    "user": "inn", "key": KEY,
}  # fmt: skip
SILENT = "monclient(hunting): authenticate timed out after 8; rbd: couldn't connect to the cluster!"


def pool(**more: Any) -> Pool:
    return Pool.described(Arguments({**STORE, **more}))


class Programs:
    """Stands in for `run`: notes command lines, and what the configuration held meanwhile."""

    def __init__(self, answer: str | Exception = "{}") -> None:
        self.answer = answer
        self.commands: list[tuple[str, ...]] = []
        self.configuration = ""
        self.files: list[int] = []

    def __call__(self, *command: str, fds: tuple[int, ...] = (), **_: Any) -> str:
        self.commands.append(command)
        self.files += fds
        if fds:
            self.configuration = Path(f"/proc/self/fd/{fds[0]}").read_text()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    stand_in = Programs()
    monkeypatch.setattr(ceph, "run", stand_in)
    return stand_in


#: Word for word what Ceph 16.2 and QEMU 7.2 were seen to say.
@pytest.mark.parametrize(
    ("said", "kind", "expected"),
    [
        (f"rbd: {SILENT}; rbd: listing images failed: (110) Connection timed out", FailedError,
         "the Ceph monitors of datastore 103 do not answer: 10.0.0.1, [fd00::1]:3300"),
        ("qemu-img: Could not open 'rbd:...': error connecting: Connection timed out", FailedError,
         "do not answer"),
        ("rbd: couldn't connect to the cluster!; rbd: listing images failed: (13) Permission denied",
         RefusedError, "Ceph does not let client.inn of datastore 103 in: its key is wrong"),
        ("rbd: rbd: couldn't connect to the cluster!", RefusedError, "its key is wrong"),
        ("qemu-img: Could not open 'rbd:one/b': error connecting: Permission denied", RefusedError,
         "its key is wrong"),
        ("ceph: [errno 13] RADOS permission denied (error connecting to the cluster)", RefusedError,
         "its key is wrong"),
        ("rbd: error opening pool 'one': (2) No such file or directory", RefusedError,
         "datastore 103: there is no pool 'one' in Ceph"),
        ("ceph: Error ENOENT: unrecognized pool 'one'", RefusedError, "there is no pool 'one'"),
        ("qemu-img: rbd:one/b: Unknown protocol 'rbd'", RefusedError,
         "the package qemu-block-extra is not installed"),
        ("rbd: setpriv: failed to execute rbd: No such file or directory", RefusedError,
         "the package ceph-common is not installed"),
        ("qemu-img: error while writing: No space left on device", RefusedError,
         "no room in the datastore: pool one of datastore 103 is full"),
        ("rbd: write error: (122) Disk quota exceeded", RefusedError, "no room in the datastore"),
        ("rbd: error opening image b: (16) Device or resource busy", FailedError, "busy"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_named(
    programs: Programs, said: str, kind: type[Exception], expected: str
) -> None:
    programs.answer = FailedError(said)
    with pytest.raises(kind) as caught:
        pool().rbd("ls", "one")
    assert expected in str(caught.value)


def test_a_write_that_nobody_takes_is_a_full_pool(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer = FailedError("rbd: create error: (110) Connection timed out")
    room = {"total_mib": 9, "free_mib": 0, "used_mib": 9}
    monkeypatch.setattr(Pool, "room", lambda _: room)
    with pytest.raises(RefusedError, match="is full"):
        pool().rbd("create", "one/x")
    room["free_mib"] = 5
    with pytest.raises(FailedError, match="timed out"):
        pool().rbd("create", "one/x")


def test_the_key_is_in_memory_alone_and_gone_afterwards(programs: Programs) -> None:
    found = pool()
    found.rbd("ls", "one")
    found.qemu_img("info", image="one/b")
    found.copy("one/b-7-0@disk-0", "one/c")
    assert [word.partition(":id=")[0] for word in programs.commands[2][-2:]] == [
        "rbd:one/b-7-0@disk-0", "rbd:one/c",
    ]  # fmt: skip
    assert f"key = {KEY}" in programs.configuration
    assert "mon host = 10.0.0.1,[fd00::1]:3300" in programs.configuration
    assert KEY not in str(programs.commands) and KEY not in repr(found)
    assert programs.commands[0][:3] == ("rbd", "-c", f"/dev/fd/{programs.files[0]}")
    assert programs.commands[1][-1] == f"rbd:one/b:id=inn:conf=/dev/fd/{programs.files[1]}"
    for file in programs.files:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(file)


def test_without_a_key_the_hosts_own_configuration_is_read(programs: Programs) -> None:
    pool(key=None, config="/etc/ceph/other.conf").rbd("ls", "one")
    assert programs.commands == [("rbd", "-c", "/etc/ceph/other.conf", "--id", "inn", "ls", "one")]
    assert programs.files == []


def test_room_is_the_pools_or_its_quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    mib = 1 << 20
    stats = {"stored": 10 * mib, "max_avail": 90 * mib}
    answers = {
        "df": {"pools": [{"name": "other", "stats": {}}, {"name": "one", "stats": stats}]},
        "osd": {"quota_max_bytes": 30 * mib},
    }
    monkeypatch.setattr(Pool, "_tool", lambda _, __, word, *___: json.dumps(answers[word]))
    assert pool().room() == {"total_mib": 30, "free_mib": 20, "used_mib": 10}
    answers["osd"] = {"quota_max_bytes": 0}
    assert pool().room() == {"total_mib": 100, "free_mib": 90, "used_mib": 10}
    with pytest.raises(FailedError, match="has not measured pool two"):
        pool(pool="two").room()


@pytest.mark.parametrize(
    ("more", "argument"),
    [
        ({"monitors": []}, "monitors"),
        ({"monitors": ["a b"]}, "monitors"),
        ({"monitors": "10.0.0.1"}, "monitors"),
        ({"pool": "one/x"}, "pool"),
        ({"user": "a:conf=/etc/x"}, "user"),
        ({"key": f"{KEY}\nmon host = evil"}, "key"),
    ],
)
def test_a_description_that_cannot_be_is_refused_without_telling_the_key(
    more: dict[str, Any], argument: str
) -> None:
    with pytest.raises(BadArgsError) as caught:
        pool(**more)
    assert caught.value.argument == argument and KEY not in str(caught.value)


def test_libvirt_is_told_names_and_ports() -> None:
    assert pool().hosts == (("10.0.0.1", "6789"), ("fd00::1", "3300"))


def test_a_disk_in_a_store_is_described_with_its_name() -> None:
    disk = described(
        Arguments(
            {"disk": 0, "kind": "clone", "store": 103, "name": "one/b-7-0", "image": "one/b"}
        ),
        Path("/bases"),
    )
    assert (disk.store, disk.name, disk.origin, disk.base) == (103, "one/b-7-0", "one/b", None)
    for wrong in (
        {"kind": "clone", "image": "one/b"},
        {"kind": "overlay", "store": 1, "name": "x"},
    ):
        with pytest.raises(BadArgsError, match="kind"):
            described(Arguments({"disk": 0, **wrong}), Path("/b"))
    with pytest.raises(BadArgsError, match="name"):
        described(Arguments({"disk": 0, "kind": "clone", "store": 103, "image": "x"}), Path("/b"))
