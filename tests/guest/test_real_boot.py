"""The small guest, booted: everything that its context promises, seen from outside it.

One guest is booted for the whole file (an emulated boot takes ten seconds and more); the tests that
change it stand last. The guest API's readiness call, a DHCP server and the guest's neighbours are
played by this process, in a network namespace that is gone at the end.
"""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.guest.machine import Machine, wait_for, write_context
from tests.guest.netns import NetworkNamespace

pytestmark = [pytest.mark.real, pytest.mark.slow]

REPOSITORY = Path(__file__).parents[2]
ADDRESS = "10.91.0.7"
ADDRESS6 = "fd91::7"
DHCP_ADDRESS = "10.92.0.50"
MACS = ("02:00:0a:5b:00:07", "02:00:0a:5c:00:07")
START_SCRIPT = 'echo "it\'s $(hostname)" > /www/started.txt\n'


def context(public_key: str) -> dict[str, str]:
    return {
        "SET_HOSTNAME": "first-light",
        "SSH_PUBLIC_KEY": public_key,
        "PASSWORD": "it's secret",
        "ETH0_MAC": MACS[0].upper(),
        "ETH0_IP": ADDRESS,
        "ETH0_MASK": "255.255.255.0",
        "ETH0_GATEWAY": "10.91.0.1",
        "ETH0_DNS": "10.91.0.1 10.91.0.2",
        "ETH0_SEARCH_DOMAIN": "inn.example",
        "ETH0_MTU": "1400",
        "ETH0_ROUTES": "10.93.0.0/24 via 10.91.0.3, 10.94.0.0/16 via 10.91.0.4",
        "ETH0_IP6": ADDRESS6,
        "ETH0_IP6_PREFIX_LENGTH": "64",
        "ETH1_MAC": MACS[1],
        "ETH1_METHOD": "dhcp",
        "START_SCRIPT_BASE64": base64.b64encode(START_SCRIPT.encode()).decode(),
        "REPORT_READY": "YES",
        "ONEGATE_ENDPOINT": "http://10.91.0.1:5030",
        "VMID": "41",
    }


class ReadinessServer(HTTPServer):
    """Answers PUT as the guest API would, and keeps what came."""

    def __init__(self, space: NetworkNamespace) -> None:
        self.requests: list[tuple[str, str, str, str]] = []
        super().__init__(("10.91.0.1", 5030), ReadinessHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = space.listen("10.91.0.1", 5030)

    def server_bind(self) -> None:
        """The socket comes bound."""


class ReadinessHandler(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        token, vm = self.headers["X-ONEGATE-TOKEN"], self.headers["X-ONEGATE-VMID"]
        assert isinstance(self.server, ReadinessServer)
        self.server.requests.append((self.path, token, vm, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@dataclass
class Bed:
    """The booted guest and what stands around it."""

    folder: Path
    space: NetworkNamespace
    machine: Machine
    ready: ReadinessServer
    public_key: str

    def info(self) -> dict[str, list[str]]:
        """What the guest tells about itself over HTTP: each key with all its values."""
        facts: dict[str, list[str]] = {}
        for line in self.space.get(ADDRESS, "/cgi-bin/info").splitlines():
            key, _, value = line.partition("=")
            facts.setdefault(key, []).append(value)
        return facts

    def context_applied(self) -> bool | None:
        return self.info()["context"][0].startswith("applied") or None

    def ssh(self, command: str, address: str = ADDRESS) -> str:
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        arguments = [part for option in options for part in ("-o", option)]
        key = str(self.folder / "key")
        return self.space.run("ssh", "-i", key, *arguments, "-n", f"root@{address}", command)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("image") / "tiny.qcow2"
    subprocess.run([REPOSITORY / "guest/build-image.sh", out], check=True)
    return out


@pytest.fixture(scope="module")
def bed(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("guest")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True
    )
    public_key = (folder / "key.pub").read_text().strip()
    write_context(folder / "context.iso", context(public_key), {"token.txt": "dG9rZW4="})
    with NetworkNamespace(f"inn-guest-{os.getpid()}") as space:
        space.add_tap("tap0", "10.91.0.1/24", "fd91::1/64")
        space.add_tap("tap1", "10.92.0.1/24")
        nics = [("tap0", MACS[0]), ("tap1", MACS[1])]
        machine = Machine(folder, space, image, folder / "context.iso", nics, disk_mib=128)
        with machine, dhcp_server(space, folder), readiness_server(space) as ready:
            bed = Bed(folder, space, machine, ready, public_key)
            wait_for(bed.context_applied, "the guest to apply its context")
            yield bed


@contextmanager
def dhcp_server(space: NetworkNamespace, folder: Path) -> Iterator[None]:
    """busybox's DHCP server on the second tap, with one address to give."""
    config = folder / "udhcpd.conf"
    config.write_text(
        f"start {DHCP_ADDRESS}\nend {DHCP_ADDRESS}\ninterface tap1\noption subnet 255.255.255.0\n"
        f"lease_file {folder}/leases\npidfile /dev/null\n"
    )
    (folder / "leases").touch()
    quiet = subprocess.DEVNULL
    command = space.command("busybox", "udhcpd", "-f", str(config))
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def readiness_server(space: NetworkNamespace) -> Iterator[ReadinessServer]:
    server = ReadinessServer(space)
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_name_and_addresses_come_from_the_context(bed: Bed) -> None:
    info = bed.info()
    assert info["hostname"] == ["first-light"]
    assert f"eth0:{ADDRESS}/24" in info["addr"]
    assert f"eth0:{ADDRESS6}/64" in info["addr"]
    assert info["gateway"] == ["10.91.0.1"]
    assert "eth0:1400" in info["mtu"]
    assert info["context"] == ["applied from /dev/sr0"]


def test_the_second_nic_has_the_address_that_dhcp_gave(bed: Bed) -> None:
    leased = wait_for(
        lambda: [a for a in bed.info()["addr"] if a.startswith("eth1:10.92.")] or None,
        "the guest's DHCP lease",
    )
    assert leased == [f"eth1:{DHCP_ADDRESS}/24"]


def test_routes_and_name_servers(bed: Bed) -> None:
    routes = bed.ssh("ip route")
    assert "10.93.0.0/24 via 10.91.0.3 dev eth0" in routes
    assert "10.94.0.0/16 via 10.91.0.4 dev eth0" in routes
    assert bed.ssh("cat /etc/resolv.conf").split("\n")[:3] == [
        "nameserver 10.91.0.1",
        "nameserver 10.91.0.2",
        "search inn.example",
    ]


def test_it_answers_over_ipv6(bed: Bed) -> None:
    wait_for(
        lambda: "tentative" not in bed.ssh("ip -6 addr show dev eth0") or None, "address detection"
    )
    assert bed.ssh("hostname", address=ADDRESS6) == "first-light\n"


def test_only_the_given_key_may_log_in(bed: Bed) -> None:
    assert bed.ssh("id -u; hostname") == "0\nfirst-light\n"
    other = bed.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    arguments = ["ssh", "-n", "-i", str(other), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]
    arguments += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    refused = subprocess.run(
        bed.space.command(*arguments, f"root@{ADDRESS}", "true"), capture_output=True, text=True
    )
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_the_password_is_the_contexts(bed: Bed) -> None:
    crypted = bed.ssh("cut -d: -f2 /etc/shadow").strip()
    salt = crypted.split("$")[2]
    again = subprocess.run(
        ["openssl", "passwd", "-6", "-salt", salt, "it's secret"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert again.stdout.strip() == crypted


def test_the_start_script_ran(bed: Bed) -> None:
    text = wait_for(lambda: bed.space.get(ADDRESS, "/started.txt"), "the start script's file")
    assert text == "it's first-light\n"


def test_it_reports_that_it_is_ready(bed: Bed) -> None:
    wait_for(lambda: bed.ready.requests or None, "the report of readiness")
    assert bed.ready.requests == [("/vm", "dG9rZW4=", "41", "READY=YES")]


def test_the_root_file_system_fills_the_disk(bed: Bed) -> None:
    size = wait_for(
        lambda: next((s for s in map(int, bed.info()["root_kb"]) if s > 100_000), None), "growth"
    )
    assert size < 128 * 1024


def test_tcp_echo(bed: Bed) -> None:
    with bed.space.connect(ADDRESS, 7) as link:
        for message in (b"one", b"two"):
            link.sendall(message)
            assert link.recv(16) == message


def test_a_changed_cd_is_applied_and_connections_live_on(bed: Bed) -> None:
    changed = context(bed.public_key) | {"SET_HOSTNAME": "second-name", "ETH1_MAC": MACS[1]}
    changed |= {"ETH1_METHOD": "static", "ETH1_IP": "10.92.0.77", "ETH1_MASK": "255.255.255.0"}
    write_context(bed.folder / "changed.iso", changed)
    with bed.space.connect(ADDRESS, 7, timeout=60) as link:
        bed.machine.insert_cd(bed.folder / "changed.iso")
        addresses = wait_for(
            lambda: a if "eth1:10.92.0.77/24" in (a := bed.info()["addr"]) else None,
            "the second NIC's new address",
        )
        link.sendall(b"still")
        assert link.recv(16) == b"still"
    assert f"eth1:{DHCP_ADDRESS}/24" not in addresses
    assert bed.info()["hostname"] == ["second-name"]
    assert bed.ready.requests == [("/vm", "dG9rZW4=", "41", "READY=YES")]


def test_the_power_button_shuts_it_down(bed: Bed) -> None:
    bed.machine.qmp("system_powerdown")
    assert bed.machine.process.wait(120) == 0
    assert "TINY power button" in bed.machine.console


def test_a_context_that_comes_after_boot_is_applied_whole(image: Path, tmp_path: Path) -> None:
    """On a busy machine the CD may be found long after boot: the start script must run then too."""
    wanted = context("") | {"SET_HOSTNAME": "late", "REPORT_READY": "NO"}
    write_context(tmp_path / "context.iso", wanted)
    with NetworkNamespace(f"inn-guest-late-{os.getpid()}") as space:
        space.add_tap("tap0", "10.91.0.1/24")
        with Machine(tmp_path, space, image, None, [("tap0", MACS[0])]) as machine:
            ready = "TINY READY"
            wait_for(lambda: ready in machine.console or None, "the guest to boot")
            assert "host=tiny " in machine.console
            machine.insert_cd(tmp_path / "context.iso")
            started = wait_for(lambda: space.get(ADDRESS, "/started.txt"), "the start script")
            assert started == "it's late\n"
