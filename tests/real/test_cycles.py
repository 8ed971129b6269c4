"""Five hundred VMs and networks come and go on one real host: what they leave is nothing, and nothing grows."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.real.zone import DONE, Zone, output_of, wait_for

pytestmark = pytest.mark.real

CYCLES, WARM_UP = int(os.environ.get("INN_CYCLES", "150")), 40
#: VMs that are on their way at a time: the engine works on all of them at once.
AT_ONCE = 8
#: Every so many a container; else a QEMU guest without anything to boot, whose firmware idles.
CONTAINERS = 4
#: KiB by which a process may be larger in the end: what allocators keep, and the records of VMs that are DONE.
AGENT_MAY_GROW, FRONT_END_MAY_GROW = 8192, 4096 + 24 * CYCLES

_GUEST = 'CPU="0.01"\nMEMORY="{memory}"\n{more}\nNIC=[NETWORK_ID="{network}"]'
_NETWORK = 'NAME="net-{number}"\nVN_MAD="bridge"\nBRIDGE="cyc{number}"\nAR=[TYPE="IP4",IP="10.200.{third}.10",SIZE="4"]'
_PHASE = re.compile("<STATE>(.*?)</STATE><LCM_STATE>(.*?)</LCM_STATE>")
_BARE = 'DISK=[TYPE="fs",SIZE="1",FORMAT="qcow2"]'
_CONTAINER = 'HYPERVISOR="lxc"\nDISK=[IMAGE="tiny"]'


@pytest.fixture(scope="module")
def spinning() -> Iterator[Zone]:
    """A furnished front end of its own: its host has nothing but what the cycles make."""
    zone = Zone("inntest5", "10.113.14")
    with zone.furnished():
        yield zone


class Cycler:
    """A caller with a connection of his own."""

    def __init__(self, zone: Zone, call: Callable[..., tuple[bool, Any, int]]) -> None:
        self._zone = zone
        self._call = call

    def cycle(self, number: int) -> None:
        """A network and a VM on it, which runs, and both gone again."""
        network = self._done("vn.allocate", _NETWORK.format(number=number, third=number % 250), -1)
        vm = self._done("vm.allocate", described(number, network), False)
        self._wait(vm, (3, 3))
        self._done("vm.action", "terminate-hard", vm)
        self._wait(vm, (DONE, 0))
        self._done("vn.delete", network)

    def _done(self, method: str, *arguments: object) -> Any:
        done, said, _ = self._call(method, *arguments)
        assert done, said
        return said

    def _wait(self, vm: int, wanted: tuple[int, int]) -> None:
        def there() -> bool:
            document = self._done("vm.info", vm)
            assert "<ERROR>" not in document, self._zone.story(vm)
            return _PHASE.search(document).groups() == tuple(map(str, wanted))

        wait_for(there, f"VM {vm} in {wanted}", 120, pause=0.2)


def described(number: int, network: int) -> str:
    """The template of a VM."""
    contained = number % CONTAINERS == 0
    memory, more = (64, _CONTAINER) if contained else (16, _BARE)
    text = _GUEST.format(memory=memory, more=more, network=network)
    return f'NAME="cycle-{number}"\n{text}'


def spin(zone: Zone, numbers: range) -> None:
    """Cycles, several at a time."""

    def work(share: range) -> None:
        with zone.caller() as call:
            cycler = Cycler(zone, call)
            for number in share:
                cycler.cycle(number)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        shares = [numbers[share::AT_ONCE] for share in range(AT_ONCE)]
        for done in [threads.submit(work, share) for share in shares]:
            done.result()


# ---- what there is ------------------------------------------------------------------------------


def present(zone: Zone) -> dict[str, list[str]]:
    """Everything on the machine that a VM or network could leave."""
    links = output_of("ip", "-o", "link").splitlines()
    roots = [zone.data, "/run", "/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt"]
    # What is remembered of the generations of VMs that are gone is forgotten after a day.
    find = ["find", *roots, "-path", "*/host/gone/*", "-prune", "-o", "-print"]
    found = subprocess.run(find, capture_output=True, text=True, check=False).stdout
    return {
        "interfaces": sorted(line.split(":")[1].strip() for line in links),
        "rules": output_of("nft", "list", "ruleset").splitlines(),
        "mounts": sorted(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()),
        "processes": sorted(_commands().values()),
        "files": sorted(found.splitlines()),
    }


def _commands() -> dict[int, str]:
    """Processes and what they were started as, but for those that only look."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        found[int(entry.name)] = b" ".join(words[:4]).decode(errors="replace").strip()
    return found


class Size:
    """How large a process is: file descriptors, threads, KiB of memory."""

    def __init__(self, process: int) -> None:
        home = Path(f"/proc/{process}")
        self.descriptors = len(os.listdir(home / "fd"))
        lines = (home / "status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        self.memory = int(status["VmRSS"].split()[0])
        self.threads = int(status["Threads"])

    def __repr__(self) -> str:
        return f"{self.descriptors} files, {self.threads} threads, {self.memory} KiB"


def sizes(zone: Zone) -> dict[str, Size]:
    """The sizes of the front end, and of the two agents: its own, for images, and the host's."""
    served = (str(zone.data / "run" / "agent.pyz"), f"{zone.folder.agent_file} --front-end")
    agents = sorted(process for process, text in _commands().items() if text.endswith(served))
    assert len(agents) == 2
    found = {f"agent {number}": Size(process) for number, process in enumerate(agents)}
    return {"front end": Size(zone.daemon.pid), **found}


def settled(zone: Zone) -> None:
    wait_for(lambda: not zone.leftovers(), "nothing is left", 60)


def test_what_there_was_is_there_and_nothing_grew(
    spinning: Zone, capsys: pytest.CaptureFixture[str]
) -> None:
    spin(spinning, range(WARM_UP))
    settled(spinning)
    before, small = present(spinning), sizes(spinning)
    began = time.monotonic()
    spin(spinning, range(WARM_UP, WARM_UP + CYCLES))
    settled(spinning)
    took, large = time.monotonic() - began, sizes(spinning)
    with capsys.disabled():
        print(f" [{CYCLES} cycles in {took:.0f} s: {small}, afterwards {large}]", end="")
    for kind, there in present(spinning).items():
        assert set(there) ^ set(before[kind]) == set(), kind
        assert len(there) == len(before[kind]), kind
    for name, was in small.items():
        may_grow = FRONT_END_MAY_GROW if name == "front end" else AGENT_MAY_GROW
        assert large[name].descriptors <= was.descriptors, name
        assert large[name].threads <= was.threads + AT_ONCE, name
        assert large[name].memory <= was.memory + may_grow, name
