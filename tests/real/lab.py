"""Several real hosts on this (private) machine, which the front end reaches over SSH exactly as in production.

Each host is a set of namespaces (network, mounts, name, processes, control groups) with an sshd, a libvirt and a disk
of its own. Two bridges stand in the machine: `lan0`, over which the front end and the hosts talk (each host's `eth0`),
and `guests0`, a switch for guests (each host's `eth1`, without addresses), on which the front end has an address too.
A host's power can be cut and come back, and its cable be pulled.
"""

import contextlib
import json
import os
import socket
import subprocess
import uuid
import xml.etree.ElementTree as ET
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from innkeeper.fleet.keys import ensure_key
from tests.host.lab import Machine
from tests.real.zone import PASSWORD, Zone, leftovers, output_of, wait_for

_INIT = Path(__file__).parent / "lab-host.sh"
LAN, PREFIX = "lan0", "10.77.0"
GUESTS, GUESTS_PREFIX = "guests0", "10.113.9"
MONITORED = 2
#: Where agents on hosts keep things.
ELSEWHERE = Path("/var/lib/innkeeper")

_SSHD = """
ListenAddress {address}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
PermitRootLogin yes
StrictModes no
UsePAM no
UseDNS no
MaxStartups 100
Subsystem sftp internal-sftp
"""


def ip(*words: str) -> None:
    """Changes the machine's network."""
    subprocess.run(["ip", *words], check=True)


class LabHost(Machine):
    """One host. `number` is the front end's, once it was added; `root` its agent's folder, seen from outside."""

    def __init__(self, name: str, index: int, data: Path) -> None:
        self.folder = data / "hosts" / name
        self.address = f"{PREFIX}.{10 + index}"
        arguments = [name, self.address, str(self.folder), str(data / "datastores")]
        super().__init__(name, [_INIT, *arguments])
        self.number = -1
        self.root = self.folder / "innkeeper" / "host"
        self._cables = {f"{name}-lan": ("eth0", LAN), f"{name}-guests": ("eth1", GUESTS)}

    def install(self, agent: Path, let_in: Path) -> None:
        """What the machine's disk has before it is first switched on."""
        self.folder.mkdir(parents=True)
        settings = _SSHD.format(address=self.address, folder=self.folder)
        (self.folder / "sshd_config").write_text(settings)
        (self.folder / "authorized_keys").write_bytes(let_in.read_bytes())
        (self.folder / "product_uuid").write_text(f"{uuid.uuid4()}\n")
        (self.folder / "agent.pyz").write_bytes(agent.read_bytes())
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "host_key"]
        subprocess.run(key, check=True)

    def _get_ready(self) -> None:
        self.said("born")
        for cable, (device, bridge) in self._cables.items():
            ip(
                "link",
                "add",
                cable,
                "type",
                "veth",
                "peer",
                "name",
                device,
                "netns",
                str(self.first),
            )
            ip("link", "set", cable, "master", bridge, "up")
        self.go_on()
        self.said("up")

    def power_cut(self) -> None:
        """Everything that runs on it is gone in this instant; its disk stays. `up` brings it back."""
        self.down()

    def down(self) -> None:
        super().down()
        for cable in self._cables:
            with contextlib.suppress(subprocess.CalledProcessError):
                subprocess.run(["ip", "link", "del", cable], check=True, stderr=subprocess.DEVNULL)

    @contextlib.contextmanager
    def unplugged(self) -> Iterator[None]:
        """Nobody reaches the host meanwhile, and it reaches nobody; its guests run on and can be reached."""
        ip("link", "set", f"{self.name}-lan", "down")
        try:
            yield
        finally:
            ip("link", "set", f"{self.name}-lan", "up")

    def qemus(self) -> dict[int, int]:
        """The guests that really run here: VM and process."""
        return {vm: process for vm, process in _qemus() if self._owns(process)}

    def agents(self) -> list[int]:
        """The processes of its agent."""
        mark = f"{ELSEWHERE}/agent-".encode()
        return [
            process
            for process, words in _processes()
            if any(word.startswith(mark) for word in words) and self._owns(process)
        ]

    def _owns(self, process: int) -> bool:
        return _namespace(process) == _namespace(self.first)

    def leftovers(self, bridge: str) -> list[str]:
        """Whatever of any VM is still on it."""
        return [f"{self.name}: {what}" for what in leftovers(self.run, bridge, ELSEWHERE / "host")]


class Lab(Zone):
    """A front end and its hosts h1, h2, ... with a network, an image and a template."""

    uplink = 'PHYDEV="eth1"'
    rootless = False  # a test gives it other sources, which lie where its user could not read them

    def __init__(self, count: int = 3) -> None:
        super().__init__("inntest2", GUESTS_PREFIX)
        (self.data / "datastores").mkdir()
        self.hosts = {f"h{n}": LabHost(f"h{n}", n, self.data) for n in range(1, count + 1)}
        key = self.data / "ssh" / "id_ed25519"
        ensure_key(key)
        for host in self.hosts.values():
            host.install(self.agent, key.with_name("id_ed25519.pub"))

    @contextlib.contextmanager
    def running_hosts(self) -> Iterator[None]:
        """The bridges, the hosts' names, and the hosts themselves; at the end nothing of them is left."""
        before = _traces()
        names = self.data / "names"
        lines = [f"{host.address} {host.name}\n" for host in self.hosts.values()]
        names.write_text(Path("/etc/hosts").read_text() + "\n" + "".join(lines))
        subprocess.run(["mount", "--bind", names, "/etc/hosts"], check=True)
        for bridge, prefix in ((LAN, PREFIX), (GUESTS, GUESTS_PREFIX)):
            ip("link", "add", bridge, "type", "bridge", "forward_delay", "0")
            ip("addr", "add", f"{prefix}.1/24", "dev", bridge)
            ip("link", "set", bridge, "up")
        try:
            for host in self.hosts.values():
                host.up()
            yield
        finally:
            for host in self.hosts.values():
                host.down()
            for bridge in (LAN, GUESTS):
                ip("link", "del", bridge)
            subprocess.run(["umount", "--lazy", "/etc/hosts"], check=True)
        wait_for(lambda: _traces() == before, f"no trace: {_traces()} instead of {before}", 30)

    @contextlib.contextmanager
    def furnished(self) -> Iterator[None]:
        """All that a test needs, with the hosts; the end proves that nothing is left over."""
        with self.running_hosts():
            try:
                self.build_image()
                self.start()
                self.furnish()
                yield
                self.end_all()
                self.stop()
            finally:
                self.end()
        self.remove()

    def add_host(self) -> None:
        for host in self.hosts.values():
            host.number = self.api.host.allocate(host.name, "kvm", "kvm", -1)
        for host in self.hosts.values():
            self.host_is(host, MONITORED)
        self.host = self.hosts["h1"].number

    def host_document(self, host: LabHost) -> ET.Element:
        """A host as any client sees it, read without pyone's own types."""
        server = xmlrpc.client.ServerProxy(f"{self.url}/RPC2")
        with server:
            answer: Any = server.one.host.info(f"oneadmin:{PASSWORD}", host.number)
        assert answer[0] is True, answer
        return ET.fromstring(answer[1])

    def host_is(self, host: LabHost, state: int, seconds: float = 240) -> None:
        wait_for(
            lambda: self.host_document(host).findtext("STATE") == str(state),
            f"{host.name} in state {state}",
            seconds,
        )

    def on(self, host: str, name: str, extra: str = "") -> int:
        """A new VM on a host of our choice; it may not run yet."""
        vm = self.api.template.instantiate(self.template, name, True, extra)
        self.api.vm.deploy(vm, self.hosts[host].number)
        return vm

    def whereabouts(self, vm: int) -> list[str]:
        """The hosts on which a VM's guest really runs: never more than one."""
        return [name for name, host in self.hosts.items() if vm in host.qemus()]

    def recorded(self, vm: int) -> str:
        """The host on which a VM is according to the front end."""
        history: Any = self.api.vm.info(vm).HISTORY_RECORDS.HISTORY
        return str((history[-1] if isinstance(history, list) else history).HOSTNAME)

    def sent(self) -> int:
        """Bytes that the front end has sent to its hosts so far."""
        return _counted(LAN)

    def received(self) -> int:
        """Bytes that its hosts have received so far, from it and from each other."""
        return sum(_counted(f"{name}-lan") for name in self.hosts)

    def leftovers(self) -> list[str]:
        return [what for host in self.hosts.values() for what in host.leftovers(self.bridge)]


def _counted(device: str) -> int:
    """Bytes that went out by a device of the machine."""
    (told,) = json.loads(output_of("ip", "-j", "-s", "link", "show", "dev", device))
    return int(told["stats64"]["tx"]["bytes"])


def _processes() -> Iterator[tuple[int, list[bytes]]]:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield int(entry.name), (entry / "cmdline").read_bytes().split(b"\0")


def _qemus() -> Iterator[tuple[int, int]]:
    for process, words in _processes():
        for word in words if b"qemu" in words[0] else ():
            if word.startswith(b"guest=one-"):
                yield int(word.split(b"-")[1].split(b",")[0]), process


def _namespace(process: int) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{process}/ns/pid")
    return f"none of {process}"


def _traces() -> dict[str, list[str]]:
    """What hosts could leave behind on the machine (but for their control groups: `down` waits for those)."""
    return {
        "processes": [n for n in os.listdir("/proc") if n.isdigit() and _foreign(int(n))],
        "interfaces": sorted(name for _, name in socket.if_nameindex()),
        "mounts": sorted(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()),
    }


def _foreign(process: int) -> bool:
    """Does a process live in another process namespace than we do?"""
    return _namespace(process) not in (_namespace(os.getpid()), f"none of {process}")
