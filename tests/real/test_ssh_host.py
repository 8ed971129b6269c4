"""A host that is reached by SSH and does not see the front end's files: `node1`, this machine by its back door.

Its sshd has the front end's datastores hidden from it, so that a base image is there only when it was brought.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import xml.etree.ElementTree as ET
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.sshd import Sshd
from tests.real.zone import GRACE, PASSWORD, Zone, wait_for

pytestmark = pytest.mark.real

MONITORED, ERROR = 2, 3
RUNNING, UNKNOWN = (3, 3), (3, 16)
DONE, SUSPENDED = 6, 5
#: Where agents of hosts elsewhere keep things: a folder of the tests' machine (`machine.sh`).
ELSEWHERE = Path("/var/lib/innkeeper")


class FarZone(Zone):
    """A zone whose only host is `node1`."""

    def __init__(self) -> None:
        super().__init__("inntest1", "10.113.8")
        self.host_name, self.host_root = "node1", ELSEWHERE / "host"
        for folder in ("datastores", "sshd"):
            (self.data / folder).mkdir(exist_ok=True)
        hidden = [self.data / "datastores"]
        self.sshd = Sshd(self.data / "sshd", self.data / "ssh", 22, hidden)
        for file in (self.data / "ssh").iterdir():
            os.chown(file, self.user.uid, self.user.gid)

    def host_document(self) -> ET.Element:
        """The host as any client sees it, read without pyone's own types."""
        server = xmlrpc.client.ServerProxy(f"{self.url}/RPC2")
        with server:
            answer: Any = server.one.host.info(f"oneadmin:{PASSWORD}", self.host)
        assert answer[0] is True, answer
        return ET.fromstring(answer[1])

    @property
    def error(self) -> str:
        """Why the host is not there."""
        return self.host_document().findtext("TEMPLATE/ERROR", "")

    def host_is(self, state: int, seconds: float = 120) -> None:
        wait_for(
            lambda: self.host_document().findtext("STATE") == str(state),
            f"host in state {state}",
            seconds,
        )

    @contextlib.contextmanager
    def sshd_stopped(self) -> Iterator[None]:
        """The host's sshd is stopped meanwhile."""
        self.sshd.stop()
        try:
            yield
        finally:
            self.sshd.start()

    def agents(self) -> list[int]:
        """The processes of the host's agent."""
        found = []
        for number in self.sshd.sessions():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
                if any(word.startswith(bytes(ELSEWHERE / "agent-")) for word in words):
                    found.append(number)
        return found

    def bases(self) -> dict[str, int]:
        """The base images on the host: name and inode."""
        return {path.name: path.stat().st_ino for path in (self.host_root / "bases").iterdir()}

    def transfers(self) -> int:
        """How many base images were brought so far."""
        return self.log().count("bringing ")


@contextlib.contextmanager
def in_place(source: Path, target: Path) -> Iterator[None]:
    """Puts a file in the place of another, on this private machine (a libvirtd that runs already does not see it)."""
    subprocess.run(["mount", "--bind", source, target], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", target], check=True)


@pytest.fixture(scope="module")
def far() -> Iterator[FarZone]:
    """A furnished front end; the end proves that nothing is left over but the base image."""
    zone = FarZone()
    hosts = zone.data / "hosts"
    hosts.write_text(Path("/etc/hosts").read_text() + "\n127.0.0.1 node1\n")
    assert not list(ELSEWHERE.iterdir()), "the tests' machine has this folder to itself"
    with in_place(hosts, Path("/etc/hosts")):
        try:
            zone.build_image()
            zone.libvirt("start")
            zone.sshd.start()
            zone.start()
            zone.furnish()
            yield zone
            zone.end_all()
            zone.stop()
        finally:
            zone.end()
            zone.sshd.stop()
            zone.libvirt("stop")
            for path in ELSEWHERE.iterdir():
                path.unlink() if path.is_file() else shutil.rmtree(path)
    zone.remove()


@pytest.fixture(scope="module")
def guest(far: FarZone) -> int:
    """A guest that has answered; tests share it and leave it running."""
    others = [far.instantiate(f"other{number}") for number in range(2)]
    vm = far.instantiate("shared")
    for number in others:
        far.running(number)
        far.api.vm.action("terminate-hard", number)
    far.answers(vm)
    return vm


def test_guests_whose_base_was_brought_answer(far: FarZone, guest: int) -> None:
    assert far.answers(guest)["hostname"] == "shared"
    origin = next(p for p in (far.data / "datastores" / "1").iterdir() if p.name == "image-0")
    (name,) = far.bases()
    assert name == hashlib.sha256(origin.read_bytes()).hexdigest()
    base = far.host_root / "bases" / name
    assert hashlib.sha256(base.read_bytes()).hexdigest() == name
    overlay = far.host_root / "vms" / str(guest) / "disk.0"
    chain = subprocess.run(
        ["qemu-img", "info", "-U", "--backing-chain", overlay], capture_output=True, text=True
    ).stdout
    assert str(base) in chain and str(far.data) not in chain


def test_many_first_guests_had_it_brought_once_and_another_does_not_bring_it_again(
    far: FarZone, guest: int
) -> None:
    assert far.transfers() == 1
    before = far.bases()
    another = far.instantiate("another")
    far.running(another)
    far.api.vm.action("terminate-hard", another)
    far.wait_phase(another, DONE)
    assert far.transfers() == 1 and far.bases() == before


def test_monitoring_comes_over_the_link(far: FarZone, guest: int) -> None:
    def measured() -> bool:
        info = far.api.vm.info(guest).MONITORING
        return int(getattr(info, "MEMORY", None) or 0) > 0

    wait_for(measured, "the guest was measured", 90)


def cut_connection(far: FarZone) -> None:
    far.sshd.cut()


def kill_agent(far: FarZone) -> None:
    (agent,) = far.agents()
    os.kill(agent, signal.SIGKILL)


@pytest.mark.parametrize("break_off", [cut_connection, kill_agent], ids=["connection", "agent"])
def test_a_broken_link_is_not_noticed_by_the_guest_and_comes_back_by_itself(
    far: FarZone, guest: int, break_off: Callable[[FarZone], None]
) -> None:
    pid, boot, before = far.qemu_pid(guest), far.answers(guest)["boot_id"], far.agents()
    break_off(far)
    wait_for(lambda: far.agents() and far.agents() != before, "another agent serves the host", 60)
    far.host_is(MONITORED)
    assert far.qemu_pid(guest) == pid
    far.api.vm.action("suspend", guest)
    far.wait_phase(guest, SUSPENDED)
    far.api.vm.action("resume", guest)
    far.running(guest)
    assert far.answers(guest)["boot_id"] == boot


def test_a_host_that_is_away_for_long(far: FarZone, guest: int) -> None:
    pid, boot = far.qemu_pid(guest), far.answers(guest)["boot_id"]
    with far.sshd_stopped():
        far.host_is(ERROR, GRACE + 60)
        assert "SSH to node1" in far.error
        assert far.phase(guest) == UNKNOWN
        assert far.qemu_pid(guest) == pid and far.answers(guest)["boot_id"] == boot
    far.host_is(MONITORED)
    wait_for(lambda: far.phase(guest) == RUNNING, "the guest is taken up as it is", 30)
    assert far.error == ""
    assert far.qemu_pid(guest) == pid and far.answers(guest)["boot_id"] == boot


def test_a_host_that_shows_another_key_is_refused_and_says_why(far: FarZone, guest: int) -> None:
    pid = far.qemu_pid(guest)
    kept = {path: path.read_bytes() for path in far.sshd.folder.glob("host_key*")}
    with far.sshd_stopped():
        far.sshd.new_host_key()
        far.sshd.start()
        far.host_is(ERROR, GRACE + 60)
        assert "the host key of node1 has changed" in far.error
        assert str(far.data / "ssh" / "known_hosts") in far.error
        assert not far.agents()
        far.sshd.stop()
        for path, content in kept.items():
            path.write_bytes(content)
    far.host_is(MONITORED)
    wait_for(lambda: far.phase(guest) == RUNNING, "the guest is taken up as it is", 30)
    assert far.qemu_pid(guest) == pid


def test_a_persistent_image_is_not_taken_to_another_machine(far: FarZone, guest: int) -> None:
    image = far.add_image("kept", 'PERSISTENT="YES"')
    vm = far.api.vm.allocate(
        'NAME="keeper"\nCPU="0.1"\nMEMORY="96"\nDISK=[IMAGE="kept"]\nNIC=[NETWORK="lan"]'
    )
    far.wait_phase(vm, 3, 39)
    assert "only the front end's machine has" in far.api.vm.info(vm).USER_TEMPLATE["ERROR"]
    far.api.vm.recover(vm, 3)
    far.wait_phase(vm, DONE)
    far.api.image.delete(image)


def test_nothing_is_left_over_but_the_base(far: FarZone, guest: int) -> None:
    far.api.vm.action("terminate-hard", guest)
    far.wait_phase(guest, DONE)
    wait_for(lambda: not far.leftovers(), f"nothing left: {far.leftovers()}", 30)
    assert len(far.bases()) == 1
