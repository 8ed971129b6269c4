"""What cannot be is refused, or fails, with a reason that names the thing, and leaves no trace: one table for each."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real.lab import Lab, LabHost
from tests.real.zone import DONE, wait_for

pytestmark = pytest.mark.real

NO_EXISTS, ACTION, INTERNAL = 0x0400, 0x0800, 0x2000
PENDING, POWEROFF = 1, 8
READY, FAILED = 1, 5
#: As little as a VM can be; it is not to run.
BARE = 'CPU="0.01"\nMEMORY="16"\n'


@dataclass
class Site:
    """A zone with one of each thing that can be missing, full, in use or out of reach."""

    lab: Lab
    vm: int = -1
    waiting: int = -1
    foreign: int = -1
    owned: int = -1
    fleeting: int = -1
    narrow: int = -1
    small: int = -1

    def pools(self) -> str:
        """All that the front end tells of what there is; times and measurements left out."""
        api, found = self.lab.api, []
        for pool in (api.vmpool.info(-2, -1, -1, -1).VM, api.imagepool.info(-2, -1, -1).IMAGE):
            found += [(each.ID, each.STATE, each.NAME) for each in pool]
        networks = api.vnpool.info(-2, -1, -1).VNET
        found += [(each.ID, each.USED_LEASES, each.NAME) for each in networks]
        return "\n".join(map(str, sorted(found)))

    def files(self) -> list[str]:
        """What lies in datastores and on hosts."""
        places = [self.lab.data / "datastores", *(host.root / "vms" for host in self.hosts)]
        return sorted(str(f) for place in places for f in place.rglob("*") if not f.is_dir())

    @property
    def hosts(self) -> list[LabHost]:
        return list(self.lab.hosts.values())

    def number(self, host: str) -> int:
        return self.lab.hosts[host].number

    def on(self, host: str, text: str) -> int:
        """A VM that waits for nothing but to be sent to a host."""
        vm: int = self.lab.api.vm.allocate(f'NAME="bad"\n{BARE}{text}', True)
        self.lab.api.vm.deploy(vm, self.number(host), False)
        return vm


@pytest.fixture(scope="module")
def site(lab: Lab) -> Iterator[Site]:
    api, site = lab.api, Site(lab)
    site.narrow = api.vn.allocate(
        'NAME="narrow"\nVN_MAD="bridge"\nBRIDGE="narrow0"\nAR=[TYPE="IP4",IP="10.9.9.1",SIZE="1"]',
        -1,
    )
    site.small = api.datastore.allocate(
        'NAME="small"\nTYPE="IMAGE_DS"\nDS_MAD="fs"\nTM_MAD="qcow2"\nLIMIT_MB="10"', -1
    )
    site.fleeting = lab.add_image("fleeting")
    site.owned = lab.add_image("owned", 'PERSISTENT="YES"')
    idle = 'DISK=[IMAGE="tiny"]\nNIC=[NETWORK="narrow"]\nOS=[BOOT="nic0"]'
    site.vm = api.vm.allocate(f'NAME="idle"\n{BARE}{idle}', False)
    site.waiting = api.vm.allocate(f'NAME="held"\n{BARE}DISK=[IMAGE="owned"]', True)
    cpu = 'CPU_MODEL=[MODEL="qemu64",FEATURES="amx-tile"]'
    site.foreign = api.vm.allocate(f'NAME="foreign"\n{BARE}{cpu}', True)
    lab.running(site.vm)
    yield site
    for vm in (site.vm, site.waiting, site.foreign):
        api.vm.action("terminate-hard", vm)
        lab.wait_phase(vm, DONE)
    for image in (site.owned, site.fleeting):
        api.image.delete(image)
    wait_for(lambda: not lab.leftovers(), "nothing is left on any host", 60)
    api.vn.delete(site.narrow)
    api.datastore.delete(site.small)


# ---- refused -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refused:
    """What is asked for, and what must be said; `{}` in it stands for what the site calls the thing."""

    what: str
    ask: Callable[[Site], tuple[object, ...]]
    code: int
    says: tuple[str, ...]


REFUSED = (
    Refused("wrong state", lambda s: ("vm.action", "resume", s.vm), ACTION, ("resume", "state RUNNING")),
    Refused("wrong state of a change", lambda s: ("vm.disksnapshotrevert", s.vm, 0, 0), ACTION,
            ("has no snapshot 0",)),
    Refused("missing VM", lambda s: ("vm.action", "hold", 9999), NO_EXISTS, ("9999",)),
    Refused("missing disk", lambda s: ("vm.detach", s.vm, 9), ACTION, ("no disk 9", "it has: 0")),
    Refused("missing image", lambda s: ("vm.allocate", f"{BARE}DISK=[IMAGE_ID=9999]", False), NO_EXISTS, ("9999",)),
    Refused("full datastore", lambda s: ("image.allocate", "NAME=big\nSIZE=11\nTYPE=DATABLOCK", s.small), ACTION,
            ("datastore {small}", "11 MB are needed", "10 MB are free")),
    Refused("image in use", lambda s: ("image.delete", s.owned), ACTION,
            ("{owned}", "in use by VMs: [{waiting}]")),
    Refused("image in use by another", lambda s: ("vm.allocate", f"{BARE}DISK=[IMAGE=owned]", False), ACTION,
            ("image {owned}", "in use")),
    Refused("leases exhausted", lambda s: ("vm.allocate", f"{BARE}NIC=[NETWORK=narrow]", False), INTERNAL,
            ("Network {narrow} (narrow) has no free address",)),
    Refused("lease taken", lambda s: ("vn.hold", s.narrow, "LEASES=[IP=10.9.9.1]"), ACTION, ("10.9.9.1",)),
    Refused("incompatible CPU", lambda s: ("vm.deploy", s.foreign, s.number("h1"), True), ACTION, ("amx-tile",)),
    Refused("host offline", lambda s: ("vm.deploy", s.waiting, s.number("h3")), ACTION, ("host {h3}", "OFFLINE")),
)  # fmt: skip


@pytest.fixture(scope="module")
def offline(site: Site) -> Iterator[None]:
    """One host is left alone."""
    site.lab.api.host.status(site.number("h3"), 2)
    yield
    site.lab.api.host.status(site.number("h3"), 0)
    site.lab.host_is(site.lab.hosts["h3"], 2)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.what)
def test_refused(site: Site, offline: None, row: Refused) -> None:
    names = {**vars(site), **{name: host.number for name, host in site.lab.hosts.items()}}
    before = site.pools(), site.files()
    code, said = site.lab.refused(*row.ask(site))  # type: ignore[arg-type]
    assert code == row.code, said
    for words in row.says:
        assert words.format(**names) in said
    assert (site.pools(), site.files()) == before


# ---- failed --------------------------------------------------------------------------------------


def corrupt(site: Site) -> Path:
    """A qcow2 image whose tables are nonsense."""
    path = site.lab.data / "images" / "corrupt.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "64M"], check=True)
    with path.open("r+b") as file:
        file.seek(40)  # where the header says where the first table lies
        file.write(b"\x00\x00\x00\x7f\xff\xff\x00\x00")
    return path


@dataclass(frozen=True)
class Image:
    """An image that cannot be made: from what, where, and what its record says then."""

    what: str
    text: Callable[[Site], str]
    store: Callable[[Site], int]
    says: tuple[str, ...]


IMAGES = (
    Image("corrupt image", lambda s: f'PATH="{corrupt(s)}"', lambda s: 1, ("corrupt.qcow2",)),
    Image("missing file", lambda s: f'PATH="{s.lab.data}/images/nowhere.qcow2"', lambda s: 1, ("nowhere.qcow2",)),
    Image("full datastore", lambda s: f'PATH="{s.lab.image}"', lambda s: s.small,
          ("no room in the datastore", "for 10")),
)  # fmt: skip


@pytest.mark.parametrize("row", IMAGES, ids=lambda row: row.what)
def test_an_image_that_fails(site: Site, row: Image) -> None:
    api, before = site.lab.api, (site.pools(), site.files())
    image = api.image.allocate(f'NAME="bad"\n{row.text(site)}', row.store(site))
    wait_for(lambda: api.image.info(image).STATE == FAILED, "it fails", 60)
    said = api.image.info(image).TEMPLATE["ERROR"]
    for words in row.says:
        assert words in said
    assert site.files() == before[1]
    api.image.delete(image)
    wait_for(lambda: (site.pools(), site.files()) == before, "no trace of it", 30)


@contextlib.contextmanager
def without_file(site: Site) -> Iterator[str]:
    """The image's file is gone from the datastore."""
    file = Path(site.lab.api.image.info(site.fleeting).SOURCE)
    aside = file.rename(file.with_name("aside"))
    yield 'DISK=[IMAGE="fleeting"]'
    aside.rename(file)


@contextlib.contextmanager
def unreachable(site: Site) -> Iterator[str]:
    """The host's cable is pulled just when it is to do something."""
    with site.lab.hosts["h2"].unplugged():
        yield ""
    site.lab.host_is(site.lab.hosts["h2"], 2)


@dataclass(frozen=True)
class Vm:
    """A VM that cannot be deployed: why, and what its record says then."""

    what: str
    trouble: Callable[[Site], "contextlib.AbstractContextManager[str]"]
    says: tuple[str, ...]


VMS = (
    Vm("missing file of an image", without_file, ("the front end lacks", "image-{fleeting}")),
    Vm("unreachable host", unreachable, ("h2",)),
)


@pytest.mark.parametrize("row", VMS, ids=lambda row: row.what)
def test_a_vm_that_fails(site: Site, row: Vm) -> None:
    api, before = site.lab.api, (site.pools(), site.files())
    with row.trouble(site) as text:
        vm = site.on("h2", text)

        def failed() -> bool:
            return bool(api.vm.info(vm).USER_TEMPLATE.get("ERROR"))

        wait_for(failed, "it fails", 120)
        said = api.vm.info(vm).USER_TEMPLATE["ERROR"]
        for words in row.says:
            assert words.format(**vars(site)) in said
    api.vm.action("terminate-hard", vm)
    site.lab.wait_phase(vm, DONE, seconds=120)

    def as_before() -> bool:
        alive = [line for line in site.pools().splitlines() if f"({vm}, 6, 'bad')" not in line]
        return ("\n".join(alive), site.files()) == before

    wait_for(as_before, "no trace of it", 60)
