"""A front end with its own data folder on this (private) machine, driven through pyone as a user would."""

import base64
import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyone

from innkeeper.cli.local import account, layout, service, view
from innkeeper.cli.local.folder import DataFolder
from innkeeper.cli.local.progress import Progress
from innkeeper.host import pack
from innkeeper.model.states import FAILURES

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "only-for-tests"
NETWORK = "10.113.7"
BRIDGE = "inntest0"
#: Tests wait for reports, and for hosts to count as down: not as long as people would.
GRACE = 10
SETTINGS = f"[monitoring]\ninterval = 5.0\ngrace = {GRACE}.0\n"
DONE = 6
#: A guest that costs next to nothing: its firmware is not to look for anything that it could boot from its disk.
IDLE = 'CPU="0.01"\nMEMORY="16"\nOS=[BOOT="nic0"]\nNIC=[NETWORK="lan"]\n'
SECTOR, MIB = 512, 1 << 20
SHELL = [
    "ssh", "-q", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5",
]  # fmt: skip


def wait_for(
    condition: Callable[[], Any], what: str, seconds: float = 240.0, pause: float = 0.05
) -> Any:
    """The condition's first true value; an assertion that names it when it never comes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(pause)
    raise AssertionError(f"{what}: not within {seconds:g} s")


class Zone:
    """One front end: started, killed, started again; its data folder is removed at the end.

    If `rootless`, it runs as a user of its own, as `inn up` has it; root's service starts this machine's agent for it.

    Its host is called `host_name` and keeps its things in `host_root`. `uplink` is how its network gets out.
    """

    uplink = 'NAT="YES"'
    rootless = True

    def __init__(self, bridge: str = BRIDGE, prefix: str = NETWORK) -> None:
        self.data = Path(tempfile.mkdtemp(prefix="inn-real-", dir="/var/tmp"))
        self.data.chmod(0o755)
        (self.data / "innkeeper.toml").write_text(SETTINGS)
        self.agent = self.data / "agent.pyz"
        pack.build(self.agent)
        self.folder, self.said = DataFolder(self.data), Progress()
        if self.rootless:
            self.user = account.ensure(self.said)
            layout.prepare(self.folder, self.user)
        self.daemon: subprocess.Popen[bytes] | None = None
        self.api: Any = None
        self.image = self.data / "images" / "tiny.qcow2"
        self.bridge, self.prefix = bridge, prefix
        self.host_name, self.host_root = socket.gethostname(), self.data / "host"

    # -- processes

    def libvirt(self, what: str) -> None:
        subprocess.run(
            ["/usr/bin/python3", self.agent, f"--libvirt-{what}", self.data / "libvirt"],
            check=True,
            timeout=60,
        )

    def start(self) -> None:
        """Starts the front end and waits until it answers."""
        log = (self.data / "daemon.log").open("ab")
        command = [
            *(self.before() if self.rootless else []),
            sys.executable,
            "-m",
            "innkeeper.daemon",
            "--data",
            str(self.data),
            "--listen",
            "127.0.0.1:0",
        ]
        environment = {**os.environ, "INN_ADMIN_PASSWORD": PASSWORD}
        self.daemon = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment
        )
        log.close()
        endpoint = self.data / "run" / "endpoint"
        wait_for(
            lambda: endpoint.exists() or self.daemon.poll() is not None,
            "the front end is ready",
            30,
        )
        assert self.daemon.poll() is None, self.log()
        self.url = endpoint.read_text().strip()
        self.api = pyone.OneServer(f"{self.url}/RPC2", session=f"oneadmin:{PASSWORD}")

    def before(self) -> list[str]:
        """What makes the front end's process its user's; the service that it needs runs then."""
        service.start(self.folder, self.user, self.said)
        return [*view.command(self.user, self.folder.host / "view"), *self.user.command()]

    def typed(self, vm: int, text: str, quiet: float = 3) -> str:
        """What a VM's console shows when a text is typed there, until it has been quiet for so many seconds."""
        command = [sys.executable, "-m", "innkeeper.cli.main", "vm", "console", str(vm)]
        done = subprocess.run(
            [*command, "--quiet-for", str(quiet)],
            env={**os.environ, "INN_DATA": str(self.data)},
            input=text, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        return done.stdout

    def log(self) -> str:
        return (self.data / "daemon.log").read_text()

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()
        (self.data / "run" / "endpoint").unlink(missing_ok=True)

    def stop(self) -> None:
        self.daemon.send_signal(signal.SIGTERM)
        assert self.daemon.wait(30) == 0, self.log()

    def end(self) -> None:
        """Ends the front end if a test that failed has left it running, and the service."""
        service.stop(self.folder, self.said)
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()

    def remove(self) -> None:
        shutil.rmtree(self.data)

    @contextlib.contextmanager
    def furnished(self) -> Iterator[None]:
        """All that a test needs, on this machine; the end proves that nothing is left over."""
        try:
            self.build_image()
            self.libvirt("start")
            self.start()
            self.furnish()
            yield
            self.end_all()
            self.stop()
        finally:
            self.end()
            self.libvirt("stop")
        self.remove()

    # -- objects

    def build_image(self) -> None:
        self.image.parent.mkdir(exist_ok=True)
        subprocess.run(
            [ROOT / "guest" / "build-image.sh", self.image], check=True, stdout=subprocess.DEVNULL
        )

    def furnish(self) -> None:
        """A host, a network, the small guest's image, a template."""
        self.add_host()
        wait_for(lambda: self.api.host.info(self.host).STATE == 2, "the host is monitored", 120)
        self.network = self.api.vn.allocate(
            f'NAME="lan"\nVN_MAD="bridge"\nBRIDGE="{self.bridge}"\n{self.uplink}\nGATEWAY="{self.prefix}.1"\n'
            f'NETWORK_ADDRESS="{self.prefix}.0"\nNETWORK_MASK="255.255.255.0"\nDNS="{self.prefix}.1"\n'
            f'AR=[TYPE="IP4",IP="{self.prefix}.10",SIZE="100"]',
            -1,
        )
        self.template = self.api.template.allocate(
            'NAME="tiny"\nCPU="0.1"\nMEMORY="96"\nDISK=[IMAGE="tiny"]\nNIC=[NETWORK="lan"]\n'
            'GRAPHICS=[TYPE="vnc"]\n'
            'CONTEXT=[NETWORK="YES",SET_HOSTNAME="$NAME",START_SCRIPT="echo began-$VMID > /dev/console"]'
        )
        self.add_image("tiny")

    def add_host(self) -> None:
        self.host = self.api.host.allocate(self.host_name, "kvm", "kvm", -1)

    def add_image(self, name: str, extra: str = "") -> int:
        """The small guest's image, in the datastore."""
        text = f'NAME="{name}"\nPATH="{self.image}"\nDEV_PREFIX="vd"\n{extra}'
        image = self.api.image.allocate(text, 1)
        wait_for(lambda: self.api.image.info(image).STATE == 1, "the image is ready", 60)
        return image

    def instantiate(self, name: str, extra: str = "") -> int:
        return self.api.template.instantiate(self.template, name, False, extra)

    def phase(self, vm: int) -> tuple[int, int]:
        info = self.api.vm.info(vm)
        return info.STATE, info.LCM_STATE

    def wait_phase(self, vm: int, state: int, lcm: int = 0, seconds: float = 240.0) -> None:
        def arrived() -> bool:
            phase = self.phase(vm)
            if phase != (state, lcm) and phase[1] in FAILURES:
                raise AssertionError(f"VM {vm} has failed on its way to {state}/{lcm}")
            return phase == (state, lcm)

        try:
            wait_for(arrived, f"VM {vm} in state {state}/{lcm}", seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.story(vm)}") from None

    def changed(self, vm: int, change: Callable[[], object], back: tuple[int, int]) -> None:
        """Asks for a change, and waits until the VM is back."""
        change()
        self.wait_phase(vm, *back)
        assert self.api.vm.info(vm).USER_TEMPLATE.get("ERROR") is None, self.story(vm)

    def end_all(self) -> None:
        """Ends every VM; of none of them anything is left then."""
        present = self.api.vmpool.info(-2, -1, -1, -1).VM
        for vm in present:
            self.api.vm.action("terminate-hard", vm.ID)
        for vm in present:
            self.wait_phase(vm.ID, DONE)
        try:
            wait_for(lambda: not self.leftovers(), "nothing left", 60)
        except AssertionError:
            raise AssertionError(f"left over: {self.leftovers()}") from None

    def story(self, vm: int) -> str:
        """Why a VM is not where it should be: its phase, what it says of itself, the front end's last words."""
        info = self.api.vm.info(vm)
        said = {name: info.USER_TEMPLATE.get(name) for name in ("ERROR", "SCHED_MESSAGE")}
        last = "\n".join(self.log().splitlines()[-40:])
        return f"VM {vm} is in {info.STATE}/{info.LCM_STATE}: {said}\n{last}"

    def running(self, vm: int) -> None:
        self.wait_phase(vm, 3, 3)

    def vectors(self, vm: int, kind: str) -> list[dict[str, str]]:
        """What the VM's record has of a kind: pyone makes a list of several only."""
        found = self.api.vm.info(vm).TEMPLATE.get(kind, [])
        return found if isinstance(found, list) else [found]

    def address(self, vm: int) -> str:
        return self.vectors(vm, "NIC")[0]["IP"]

    # -- in guests

    @functools.cached_property
    def key(self) -> Path:
        """The key with which guests let us in."""
        key = self.data / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        return key

    def public_key(self) -> str:
        return self.key.with_suffix(".pub").read_text().strip()

    def tell(self, vm: int, command: str) -> str:
        """What a command in the guest says."""

        def tried() -> subprocess.CompletedProcess[str] | None:
            words = [*SHELL, "-i", str(self.key), f"root@{self.address(vm)}", command]
            done = subprocess.run(words, capture_output=True, text=True, timeout=60)
            return None if done.returncode == 255 else done

        done = wait_for(tried, f"the guest of VM {vm} takes a command")
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout.strip()

    def answers(self, vm: int, seconds: float = 300.0) -> dict[str, str]:
        """What the guest itself says about itself over the network."""
        url = f"http://{self.address(vm)}/cgi-bin/info"

        def ask() -> dict[str, str] | None:
            try:
                with urllib.request.urlopen(url, timeout=2) as reply:
                    lines = reply.read().decode().splitlines()
            except OSError:
                return None
            return dict(line.split("=", 1) for line in lines if "=" in line)

        return wait_for(ask, f"the guest of VM {vm} answers", seconds)

    def sees(self, vm: int, target: str, mib: int | None, seconds: float = 240.0) -> None:
        """Waits until the guest has a disk of this size, or (None) has it no more."""
        command = f"cat /sys/block/{target}/size 2>/dev/null || echo 0"
        wanted = str((mib or 0) * MIB // SECTOR)
        wait_for(lambda: self.tell(vm, command) == wanted, f"{target} has {mib} MiB", seconds)

    def serial(self, vm: int) -> str:
        return (self.host_root / "vms" / str(vm) / "serial.log").read_text(errors="replace")

    def qemu_pid(self, vm: int) -> int | None:
        """The process of the VM's guest."""
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"qemu" in words[0] and any(
                w.startswith(f"guest=one-{vm},".encode()) for w in words
            ):
                return int(entry.name)
        return None

    @contextlib.contextmanager
    def caller(self) -> Iterator[Callable[..., tuple[bool, Any, int]]]:
        """Calls methods without pyone's types, on a connection of its own: whether it was done, the answer, a code."""
        with xmlrpc.client.ServerProxy(f"{self.url}/RPC2") as server:

            def call(method: str, *arguments: object) -> tuple[bool, Any, int]:
                answer: Any = getattr(server.one, method)(f"oneadmin:{PASSWORD}", *arguments)
                return answer[0], answer[1], answer[2]

            yield call

    def refused(self, method: str, *arguments: object) -> tuple[int, str]:
        """The code and the words with which a request is refused."""
        with self.caller() as call:
            done, said, code = call(method, *arguments)
        assert not done, f"{method}{arguments} was not refused: {said}"
        return code, str(said)

    def ask(self, path: str, verb: str = "GET") -> Any:
        """An answer of our own API."""
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", method=verb)
        word = base64.b64encode(f"oneadmin:{PASSWORD}".encode()).decode()
        request.add_header("Authorization", f"Basic {word}")
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.loads(reply.read())

    def doctor(self) -> list[dict[str, Any]]:
        return self.ask("doctor")["findings"]

    def events_of(self, vm: int) -> list[dict[str, Any]]:
        return self.ask(f"vms/{vm}/story")["events"]

    def leftovers(self) -> list[str]:
        """Whatever of any VM is still on the machine."""
        return leftovers(output_of, self.bridge, self.host_root)


def output_of(*command: str) -> str:
    """What a command says on this machine."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def leftovers(run: Callable[..., str], bridge: str, root: Path) -> list[str]:
    """Whatever of any VM is still on a machine: domains, interfaces, rules, folders, logs."""
    found = []
    for kind in ("qemu", "lxc"):
        domains = run("virsh", "-c", f"{kind}:///system", "list", "--all", "--name")
        found += [f"domain {name}" for name in domains.split()]
    links = run("ip", "-o", "link")
    names = [line.split(":")[1].strip().split("@")[0] for line in links.splitlines()]
    found += [f"interface {n}" for n in names if n.startswith(("one-", bridge))]
    rules = run("nft", "list", "tables")
    found += [line for line in rules.splitlines() if "innkeeper" in line]
    found += [f"folder {name}" for name in run("ls", str(root / "vms")).split()]
    logs = run("find", "/var/log/libvirt", "-name", "one-*").split()
    return found + [f"log {name}" for name in logs]
