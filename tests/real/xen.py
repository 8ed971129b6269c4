"""A real host under Xen: a whole Debian whose hypervisor boots in an emulated machine, and a front end over SSH."""

import base64
import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from innkeeper.fleet.keys import ensure_key
from tests.real.lab import ELSEWHERE, ip
from tests.real.zone import ROOT, Zone, wait_for

#: The network of the front end and the host, and that of the guests: a bridge for each, a card of the host in each.
LANS = {"xenlan0": "10.113.12", "xenguests0": "10.113.13"}
ADDRESS = "10.113.12.11"
#: Xen's first domain does not start on the processors that QEMU would choose.
PROCESSOR = "Westmere"
MEMORY_MIB, FIRST_DOMAIN_MIB = 2048, 1024
_SSH = [
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
]


class XenZone(Zone):
    """A zone whose only host is `xen1`."""

    uplink = 'PHYDEV="eth1"'
    rootless = False

    def __init__(self) -> None:
        super().__init__("innxen0", LANS["xenguests0"])
        self.host_name, self.host_root = "xen1", ELSEWHERE / "host"
        (self.data / "datastores").mkdir()
        self.key = self.data / "ssh" / "id_ed25519"
        ensure_key(self.key)
        self.machine: subprocess.Popen[bytes] | None = None
        self.booted = self.ready = 0.0

    def add_host(self) -> None:
        self.host = self.api.host.allocate(self.host_name, "xen", "xen", -1)

    # -- the machine

    @contextlib.contextmanager
    def running_host(self) -> Iterator[None]:
        """The bridges, the host's name, and the host itself, once it lets us in."""
        names = self.data / "names"
        names.write_text(Path("/etc/hosts").read_text() + f"\n{ADDRESS} {self.host_name}\n")
        subprocess.run(["mount", "--bind", names, "/etc/hosts"], check=True)
        try:
            for number, (bridge, prefix) in enumerate(LANS.items()):
                ip("link", "add", bridge, "type", "bridge", "forward_delay", "0")
                ip("addr", "add", f"{prefix}.1/24", "dev", bridge)
                ip("link", "set", bridge, "up")
                ip("tuntap", "add", f"xentap{number}", "mode", "tap")
                ip("link", "set", f"xentap{number}", "master", bridge, "up")
            self._boot()
            yield
        finally:
            if self.machine is not None:
                self.machine.kill()
                self.machine.wait()
            subprocess.run(["umount", "--lazy", "/etc/hosts"], check=True)

    def _boot(self) -> None:
        image, disk = self.data / "xen.qcow2", self.data / "xen.disk"
        subprocess.run([ROOT / "guest" / "build-xen.sh", image], check=True)
        made = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", disk]
        subprocess.run(made, check=True)
        began = time.monotonic()
        with (self.data / "xen.log").open("wb") as log:
            self.machine = subprocess.Popen(self._qemu(image, disk), stdout=log, stderr=log)
        wait_for(lambda: self._ended() or self._lets_us_in(), "the host lets us in", 900)
        assert not self._ended(), (self.data / "xen.log").read_text()
        self.booted = time.monotonic() - began

    def _qemu(self, image: Path, disk: Path) -> list[str]:
        key = base64.b64encode(self.key.with_name("id_ed25519.pub").read_bytes()).decode()
        xen = f"com1=115200 console=com1 dom0_mem={FIRST_DOMAIN_MIB}M,max:{FIRST_DOMAIN_MIB}M"
        told = f"lab.name={self.host_name} lab.address={ADDRESS}/24 lab.key={key}"
        kernel = f"{image}.kernel root=/dev/vda rw console=hvc0 net.ifnames=0 quiet {told}"
        machine = ["-accel", "tcg", "-cpu", PROCESSOR, "-m", str(MEMORY_MIB), "-nodefaults"]
        cards = []
        for number in range(len(LANS)):
            cards += ["-netdev", f"tap,id=n{number},ifname=xentap{number},script=no,downscript=no"]
            card = f"virtio-net-pci,netdev=n{number},mac=02:00:0a:71:0c:0{number},romfile="
            cards += ["-device", card]
        return [
            "qemu-system-x86_64", *machine, "-display", "none",
            "-serial", f"file:{self.data / 'xen.serial'}",
            "-kernel", f"{image}.xen", "-append", xen, "-initrd", f"{kernel},{image}.initrd",
            "-drive", f"file={disk},if=virtio,cache=unsafe", *cards, "-device", "virtio-rng-pci",
        ]  # fmt: skip

    def _ended(self) -> bool:
        return self.machine is not None and self.machine.poll() is not None

    def _lets_us_in(self) -> bool:
        with contextlib.suppress(subprocess.CalledProcessError, subprocess.TimeoutExpired):
            self.there("true")
            return True
        return False

    def there(self, command: str) -> str:
        """What a command says on the host."""
        line = [
            "ssh",
            "-n",
            "-i",
            self.key,
            *_SSH,
            "-o",
            "ConnectTimeout=10",
            f"root@{ADDRESS}",
            command,
        ]
        done = subprocess.run(line, check=True, capture_output=True, text=True, timeout=180)
        return done.stdout

    def guests(self) -> list[str]:
        """The domains of Xen itself, whatever libvirt says."""
        listed = [line.split()[0] for line in self.there("xl list").splitlines()[1:]]
        return [name for name in listed if name != "Domain-0"]

    def leftovers(self) -> list[str]:
        """Whatever of any VM is still on the host."""
        seen: dict[str, Any] = {
            "domain": "xl list | awk 'NR > 1 && $1 != \"Domain-0\" { print $1 }'",
            "interface": f"ip -o link | grep -oE '(one-[0-9]+-[0-9]+|{self.bridge})' || true",
            "rules": "nft list tables | grep innkeeper || true",
            "folder": f"ls {self.host_root}/vms",
            "process": "pgrep -a qemu | grep one- || true",
            "log": "find /var/log/xen /var/log/libvirt -name '*one-*'",
        }
        command = "; ".join(f"({ask}) | sed 's/^/{what} /'" for what, ask in seen.items())
        return self.there(command).splitlines()
