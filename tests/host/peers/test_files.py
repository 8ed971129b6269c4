"""Files between hosts: whole, with their holes, resumed where they broke off, checked by hash, and only those meant."""

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from innkeeper.host.errors import FailedError
from innkeeper.host.folders import VmFolder, VmState
from innkeeper.host.peers import give
from innkeeper.host.peers.fetch import Giver, bring, bring_notes

MIB = 1 << 20
DOMAIN = {"disks": [{"disk": 0, "format": "qcow2"}]}
SNAPSHOTS = {"vm-0": {"memory": 98304}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root" / "vms" / "7"
    folder.mkdir(parents=True)
    (tmp_path / "root" / "bases").mkdir()
    with (folder / "disk.0").open("wb") as disk:
        disk.write(os.urandom(3 * MIB + 17))
        disk.seek(8 * MIB)
        disk.write(os.urandom(MIB))
        disk.truncate(20 * MIB)
    VmFolder(folder, 7).write(VmState(generation=9, domain=DOMAIN, snapshots=SNAPSHOTS))
    (folder / "disk.1").symlink_to("/etc/passwd")
    (folder / "checkpoint").write_bytes(b"LibvirtQemudSave")
    return tmp_path / "root"


class Other:
    """The other host: its giver in a thread, at the other end of two pipes."""

    def __init__(self, root: Path, cut_after: int | None = None) -> None:
        ask_out, ask_in = os.pipe()
        answer_out, answer_in = os.pipe()
        self.answers = os.fdopen(answer_out, "rb")
        self.requests = os.fdopen(ask_in, "wb")
        asked, answers = os.fdopen(ask_out, "rb"), os.fdopen(answer_in, "wb")
        out: IO[bytes] = Cut(answers, cut_after) if cut_after is not None else answers  # type: ignore[assignment]
        self._thread = threading.Thread(target=self._serve, args=(root, asked, answers, out))
        self._thread.start()
        self.giver = Giver(self.requests, self.answers, "the other host")

    @staticmethod
    def _serve(root: Path, asked: IO[bytes], answers: IO[bytes], out: IO[bytes]) -> None:
        try:
            give.give(root, asked, out)
        except OSError:
            pass
        finally:
            asked.close()
            answers.close()

    def close(self) -> None:
        self.requests.close()
        self._thread.join()
        self.answers.close()


class Cut:
    """A stream that breaks after some bytes."""

    def __init__(self, stream: IO[bytes], left: int) -> None:
        self._stream, self._left = stream, left

    def write(self, data: bytes) -> None:
        self._stream.write(data[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            self._stream.flush()
            raise BrokenPipeError

    def flush(self) -> None:
        self._stream.flush()


@pytest.fixture
def other(root: Path) -> Iterator[Other]:
    other = Other(root)
    yield other
    other.close()


def test_what_goes_with_a_vm_is_its_files_and_no_links(other: Other) -> None:
    assert other.giver.ask({"list": 7}) == ["vms/7/checkpoint", "vms/7/disk.0"]


def test_a_file_comes_whole_and_keeps_its_holes(other: Other, root: Path, tmp_path: Path) -> None:
    target, source = tmp_path / "disk.0", root / "vms" / "7" / "disk.0"
    digest = bring(other.giver, "vms/7/disk.0", target)
    assert target.read_bytes() == source.read_bytes()
    assert digest == hashlib.sha256(source.read_bytes()).hexdigest()
    assert target.stat().st_blocks * 512 < 6 * MIB
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk.0", "root"]
    assert bring(other.giver, "vms/7/checkpoint", tmp_path / "checkpoint")


def test_what_came_before_a_break_is_not_fetched_again(root: Path, tmp_path: Path) -> None:
    target, source = tmp_path / "disk.0", root / "vms" / "7" / "disk.0"
    broken = Other(root, cut_after=2 * MIB + 4096)
    with pytest.raises(FailedError, match="the other host broke off"):
        bring(broken.giver, "vms/7/disk.0", target)
    broken.close()
    assert not target.exists()
    begun = os.stat(tmp_path / ".disk.0.partial").st_size
    assert begun == 2 * MIB
    again = Other(root, cut_after=3 * MIB)  # less than the file has: enough only for the rest of it
    bring(again.giver, "vms/7/disk.0", target)
    again.close()
    assert target.read_bytes() == source.read_bytes()


def test_what_was_begun_of_another_content_does_not_stay(
    other: Other, root: Path, tmp_path: Path
) -> None:
    target = tmp_path / "disk.0"
    (tmp_path / ".disk.0.partial").write_bytes(b"old" * MIB)
    bring(other.giver, "vms/7/disk.0", target)
    assert target.read_bytes() == (root / "vms" / "7" / "disk.0").read_bytes()


@pytest.mark.parametrize(
    "name",
    ["vms/7/state.json", "zone.json", "../../etc/passwd", "/etc/passwd", "vms/7/../8/disk.0"],
)
def test_nothing_else_is_given(other: Other, tmp_path: Path, name: str) -> None:
    with pytest.raises(FailedError, match="not for other hosts"):
        bring(other.giver, name, tmp_path / "stolen")


def test_a_link_is_not_followed_out_of_the_root(root: Path, other: Other, tmp_path: Path) -> None:
    with pytest.raises(FailedError):
        bring(other.giver, "vms/7/disk.1", tmp_path / "stolen")


def test_what_is_known_of_a_vm_comes_along_but_not_its_generation(
    root: Path, tmp_path: Path
) -> None:
    here = VmFolder(tmp_path / "here", 7)
    here.make(11)
    other = Other(root)
    bring_notes(other.giver, here)
    other.close()
    assert here.state() == VmState(generation=11, domain=DOMAIN, snapshots=SNAPSHOTS)
