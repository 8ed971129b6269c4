"""A real guest goes from host to host: running, saved, suspended, stopped, driven out; what cannot be is refused."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.real.lab import Lab
from tests.real.zone import wait_for

pytestmark = pytest.mark.real

STOPPED, SUSPENDED, DONE, POWEROFF = 4, 5, 6, 8
RUNNING = (3, 3)
MIGRATE, LIVE_MIGRATE = 1, 2


class Session:
    """A TCP session with the guest: a byte every 10 ms comes back, or the session has broken."""

    def __init__(self, address: str) -> None:
        self._socket = socket.create_connection((address, 7), 10)
        self._socket.settimeout(60)
        self.longest = 0.0
        self.echoes = 0
        self.error: OSError | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()

    def _talk(self) -> None:
        last = time.monotonic()
        try:
            while not self._over.wait(0.01):
                self._socket.sendall(b"x")
                if self._socket.recv(1) != b"x":
                    raise ConnectionError("the session was closed")
                now = time.monotonic()
                self.longest, last = max(self.longest, now - last), now
                self.echoes += 1
        except OSError as error:
            self.error = error

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()


@pytest.fixture(scope="module")
def guest(lab: Lab) -> Iterator[int]:
    vm = lab.on("h1", "traveller")
    lab.running(vm)
    lab.answers(vm)
    yield vm
    lab.api.vm.action("terminate-hard", vm)
    lab.wait_phase(vm, DONE)
    wait_for(lambda: not lab.leftovers(), "nothing is left on any host", 60)


def migrate(lab: Lab, vm: int, host: str, *, live: bool, how: int = 0) -> None:
    lab.api.vm.migrate(vm, lab.hosts[host].number, live, True, -1, how)


def boot_of(lab: Lab, vm: int) -> str:
    """Which boot the guest says that it is: another one after a restart."""
    return lab.answers(vm, 90)["boot_id"]


def other(lab: Lab, vm: int) -> str:
    """A host where the VM is not."""
    here = lab.recorded(vm)
    return next(name for name in lab.hosts if name != here)


def is_at(lab: Lab, vm: int, host: str) -> None:
    """It runs there, there alone, its record says so, and elsewhere nothing of it is left."""
    lab.running(vm)
    assert lab.recorded(vm) == host
    assert lab.whereabouts(vm) == [host]
    for name, each in lab.hosts.items():
        if name != host:
            wait_for(
                lambda h=each: not (h.root / "vms" / str(vm)).exists(),
                f"nothing left on {name}",
                30,
            )
            assert f"one-{vm}-" not in each.run("ip", "-o", "link")


def actions(lab: Lab, vm: int) -> list[int]:
    history = lab.api.vm.info(vm).HISTORY_RECORDS.HISTORY
    return [int(record.ACTION) for record in (history if isinstance(history, list) else [history])]


def test_it_runs_on_elsewhere_and_a_session_with_it_survives(
    lab: Lab, guest: int, capsys: pytest.CaptureFixture[str]
) -> None:
    boot, target = boot_of(lab, guest), other(lab, guest)
    session = Session(lab.address(guest))
    began = time.monotonic()
    migrate(lab, guest, target, live=True)
    lab.running(guest)
    took = time.monotonic() - began
    wait_for(lambda at=session.echoes: session.echoes > at + 50, "the session goes on", 30)
    session.close()
    assert session.error is None
    is_at(lab, guest, target)
    assert boot_of(lab, guest) == boot
    assert actions(lab, guest)[-2:] == [LIVE_MIGRATE, 0]
    with capsys.disabled():
        print(
            f" [live, local disks: {took:.2f} s, longest silence {session.longest * 1000:.0f} ms]",
            end="",
        )


@pytest.fixture(scope="module")
def sharer(lab: Lab) -> Iterator[int]:
    """A guest whose disks lie in a folder that all hosts see."""
    folder = lab.data / "shared"
    folder.mkdir()
    store = lab.api.datastore.allocate(
        f'NAME="common"\nTYPE="SYSTEM_DS"\nTM_MAD="shared"\nBASE_PATH="{folder}"', -1
    )
    vm = lab.api.template.instantiate(lab.template, "sharer", True, "")
    lab.api.vm.deploy(vm, lab.hosts["h2"].number, True, store)
    lab.running(vm)
    lab.answers(vm)
    assert [path.name for path in (folder / str(vm)).iterdir()] == ["disk.0"]
    yield vm
    lab.api.vm.action("terminate-hard", vm)
    lab.wait_phase(vm, DONE)
    assert list(folder.iterdir()) == []
    lab.api.datastore.delete(store)


@pytest.mark.parametrize("live", [True, False])
def test_with_shared_disks_only_memory_goes(
    lab: Lab, sharer: int, live: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    boot, target = boot_of(lab, sharer), other(lab, sharer)
    disk = lab.data / "shared" / str(sharer) / "disk.0"
    session, inode = Session(lab.address(sharer)), disk.stat().st_ino
    began = time.monotonic()
    migrate(lab, sharer, target, live=live)
    wait_for(lambda: lab.recorded(sharer) == target, "it goes to the other host", 60)
    lab.running(sharer)
    took = time.monotonic() - began
    wait_for(lambda at=session.echoes: session.echoes > at + 50, "the session goes on", 60)
    session.close()
    assert session.error is None
    is_at(lab, sharer, target)
    assert (boot_of(lab, sharer), disk.stat().st_ino) == (boot, inode)
    with capsys.disabled():
        how = "live" if live else "saved"
        print(
            f" [{how}, shared disks: {took:.2f} s, longest silence {session.longest * 1000:.0f} ms]",
            end="",
        )


def test_its_memory_goes_along_when_it_is_saved_on_the_way(lab: Lab, guest: int) -> None:
    boot, target = boot_of(lab, guest), other(lab, guest)
    migrate(lab, guest, target, live=False)
    lab.wait_phase(guest, *RUNNING)
    is_at(lab, guest, target)
    assert boot_of(lab, guest) == boot
    assert actions(lab, guest)[-2:] == [MIGRATE, 0]


def test_suspended_here_it_is_resumed_there(lab: Lab, guest: int) -> None:
    boot, target = boot_of(lab, guest), other(lab, guest)
    lab.api.vm.action("suspend", guest)
    lab.wait_phase(guest, SUSPENDED)
    migrate(lab, guest, target, live=True)  # which nothing that does not run can be
    wait_for(lambda: lab.recorded(guest) == target, "it goes to the other host", 60)
    lab.wait_phase(guest, SUSPENDED)
    assert lab.whereabouts(guest) == []
    lab.api.vm.action("resume", guest)
    is_at(lab, guest, target)
    assert boot_of(lab, guest) == boot


def test_stopped_it_goes_on_where_it_is_placed_next(lab: Lab, guest: int) -> None:
    boot, target = boot_of(lab, guest), other(lab, guest)
    lab.api.vm.action("stop", guest)
    lab.wait_phase(guest, STOPPED)
    assert lab.whereabouts(guest) == []
    lab.api.vm.deploy(guest, lab.hosts[target].number)
    is_at(lab, guest, target)
    assert boot_of(lab, guest) == boot


def test_a_host_is_emptied(lab: Lab, guest: int) -> None:
    boot, source = boot_of(lab, guest), lab.recorded(guest)
    lab.api.host.status(lab.hosts[source].number, 1)
    lab.api.vm.action("resched", guest)
    wait_for(lambda: lab.recorded(guest) != source, "placement finds another host", 60)
    is_at(lab, guest, lab.recorded(guest))
    assert boot_of(lab, guest) == boot
    assert actions(lab, guest)[-2:] == [LIVE_MIGRATE, 0]
    lab.api.host.status(lab.hosts[source].number, 0)


def kill_front_end(lab: Lab, source: str, target: str) -> None:
    lab.kill()
    lab.start()


def kill_source_agent(lab: Lab, source: str, target: str) -> None:
    for process in lab.hosts[source].agents():
        os.kill(process, signal.SIGKILL)


def kill_target_agent(lab: Lab, source: str, target: str) -> None:
    for process in lab.hosts[target].agents():
        os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize("dies", [kill_front_end, kill_source_agent, kill_target_agent])
@pytest.mark.parametrize("after", [0.3, 1.2])
def test_whatever_dies_on_the_way_it_runs_on_one_host_and_the_record_says_which(
    lab: Lab, guest: int, dies: Callable[[Lab, str, str], None], after: float
) -> None:
    boot, source, target = boot_of(lab, guest), lab.recorded(guest), other(lab, guest)
    migrate(lab, guest, target, live=True)
    time.sleep(after)  # anywhere in the middle will do
    dies(lab, source, target)
    lab.wait_phase(guest, *RUNNING)
    is_at(lab, guest, lab.recorded(guest))
    assert boot_of(lab, guest) == boot


def test_what_cannot_be_is_refused_by_name_and_leaves_no_trace(lab: Lab, guest: int) -> None:
    here, elsewhere = lab.recorded(guest), lab.hosts[other(lab, guest)]
    before = lab.api.vm.info(guest).HISTORY_RECORDS.HISTORY

    def refused(host: int, *arguments: object) -> str:
        code, said = lab.refused("vm.migrate", guest, host, *arguments)
        assert code == 0x0800
        return said

    assert "already running on host" in refused(lab.hosts[here].number, True)
    lab.api.host.status(elsewhere.number, 2)
    assert "OFFLINE" in refused(elsewhere.number, True)
    lab.api.host.status(elsewhere.number, 0)
    lab.host_is(elsewhere, 2)
    after = lab.api.vm.info(guest).HISTORY_RECORDS.HISTORY
    assert len(after) == len(before)
    is_at(lab, guest, here)
