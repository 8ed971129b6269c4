"""The small guest's router role, run by its own shell in a namespace of its own; peers stand in others."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.guest.machine import wait_for
from tests.guest.netns import NetworkNamespace

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        os.environ.get("INN_TEST_MACHINE") != "inside", reason="runs on a machine of its own"
    ),
]

FILES = Path(__file__).parents[2] / "guest" / "files"
OUTSIDE, INSIDE = "02:00:0a:5d:00:02", "02:00:0a:5e:00:02"
GUEST, GUEST_ADDRESS = "02:00:0a:5e:00:14", "10.94.0.20"
CONTEXT = {
    "ETH0_MAC": OUTSIDE, "ETH0_IP": "10.93.0.2", "ETH0_MASK": "255.255.255.0", "ETH0_VROUTER_IP": "10.93.0.7",
    "ETH1_MAC": INSIDE, "ETH1_IP": "10.94.0.2", "ETH1_MASK": "255.255.255.0", "ETH1_VROUTER_IP": "10.94.0.1",
    "ONEAPP_VNF_ROUTER4_ENABLED": "YES", "ONEAPP_VNF_DHCP4_ENABLED": "YES",
    "ONEAPP_VNF_DHCP4_INTERFACES": "eth1", "ONEAPP_VNF_DNS_ENABLED": "YES",
    "ONEAPP_VNF_DNS_NAMESERVERS": "10.93.0.1",
}  # fmt: skip
NAT = {
    "ONEAPP_VNF_NAT4_ENABLED": "YES", "ONEAPP_VNF_NAT4_INTERFACES_OUT": "eth0",
    "ROUTER_FORWARD": f"10.93.0.7={GUEST_ADDRESS}",
}  # fmt: skip
#: What context-apply does of it, with the programs that the guest has.
APPLY = """
export PATH=$BIN
mkdir -p /run/context/files
cp "$FOLDER/context.sh" /run/context/files/
. $FILES/lib/context/network.sh
. $FILES/lib/context/router.sh
. /run/context/files/context.sh
join_dns() { :; }
apply_network
apply_router
"""


class Bed:
    """The router between a peer outside, which has no way back, and a guest inside."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        names = [f"inn-{what}-{os.getpid()}" for what in ("router", "peer", "guest")]
        self.router, self.peer, self.guest = (
            stack.enter_context(NetworkNamespace(name)) for name in names
        )
        self._cable(self.peer, "out", "eth0", OUTSIDE)
        self._cable(self.guest, "in", "eth1", INSIDE)
        self.peer.run("ip", "addr", "add", "10.93.0.1/24", "dev", "out")
        self.guest.run("ip", "link", "set", "in", "down", "address", GUEST)
        self.guest.run("ip", "link", "set", "in", "up")
        self.bin = folder / "bin"
        self.bin.mkdir()
        for applet in subprocess.run(
            ["busybox", "--list"], check=True, capture_output=True, text=True
        ).stdout.split():
            (self.bin / applet).symlink_to("/bin/busybox")
        (self.bin / "nft").symlink_to(shutil.which("nft") or "")

    def _cable(self, end: NetworkNamespace, name: str, device: str, mac: str) -> None:
        self.router.run("ip", "link", "add", device, "address", mac, "type", "veth",
                        "peer", "name", name, "netns", end.name)  # fmt: skip
        end.run("ip", "link", "set", name, "up")

    def apply(self, **more: str) -> None:
        lines = [f"{name}='{value}'\n" for name, value in {**CONTEXT, **more}.items()]
        (self.folder / "context.sh").write_text("".join(lines))
        variables = {"BIN": str(self.bin), "FOLDER": str(self.folder), "FILES": str(FILES)}
        subprocess.run(
            self.router.command("/bin/busybox", "sh", "-c", APPLY), check=True,
            env={**os.environ, **variables}, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def end(self) -> None:
        """Ends the router's servers."""
        listed = ["ip", "netns", "pids", self.router.name]
        for pid in subprocess.run(
            listed, check=True, capture_output=True, text=True
        ).stdout.split():
            os.kill(int(pid), 9)


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with ExitStack() as stack:
        bed = Bed(tmp_path_factory.mktemp("router"), stack)
        bed.apply()
        yield bed
        bed.end()


def leased(bed: Bed) -> str | None:
    """What the DHCP server gives the guest, if it does."""
    script = bed.folder / "lease"
    script.write_text(
        "#!/bin/sh\n[ $1 = bound ] || exit 0\n"
        "ip addr replace $ip/${mask:-24} dev $interface\nip route replace default via $router\n"
        'echo "$ip $router $dns"\n'
    )
    script.chmod(0o755)
    line = ["busybox", "udhcpc", "-n", "-q", "-t", "3", "-T", "1", "-i", "in", "-s", str(script)]
    done = subprocess.run(bed.guest.command(*line), capture_output=True, text=True)
    found = [line for line in done.stdout.splitlines() if line.startswith("10.")]
    return found[-1] if found else None


def answers(space: NetworkNamespace, address: str, timeout: float = 2) -> bool:
    try:
        with space.connect(address, 8081, timeout) as connection:
            return connection.recv(4) == b"here"
    except OSError:
        return False


def serve(space: NetworkNamespace, address: str) -> None:
    listener = space.listen(address, 8081)

    def run() -> None:
        with listener:
            while True:
                client, _ = listener.accept()
                with client:
                    client.sendall(b"here")

    threading.Thread(target=run, daemon=True).start()


def test_a_guest_is_given_the_address_that_it_is_leased(bed: Bed) -> None:
    given = wait_for(lambda: leased(bed), "a DHCP lease", 30)
    assert given == f"{GUEST_ADDRESS} 10.94.0.1 10.94.0.1"
    bed.guest.run("ping", "-c1", "-W2", "10.94.0.1")


def test_strangers_are_given_nothing(bed: Bed) -> None:
    bed.guest.run("ip", "link", "set", "in", "address", "02:11:22:33:44:55")
    assert leased(bed) is None
    bed.guest.run("ip", "link", "set", "in", "address", GUEST)
    assert leased(bed) is not None


def test_packets_come_back_only_under_the_routers_address(bed: Bed) -> None:
    serve(bed.peer, "10.93.0.1")
    serve(bed.guest, GUEST_ADDRESS)
    assert answers(bed.peer, "10.93.0.1") and answers(bed.guest, GUEST_ADDRESS)
    assert not answers(bed.guest, "10.93.0.1")  # the peer has no way back
    assert not answers(bed.peer, "10.93.0.7")
    bed.apply(**NAT)
    assert answers(bed.guest, "10.93.0.1")
    assert answers(bed.peer, "10.93.0.7")  # a floating address leads in
    bed.apply(**NAT)  # once more: nothing doubles
    assert bed.router.run("nft", "list", "ruleset").count("masquerade") == 1
    assert answers(bed.guest, "10.93.0.1")


def test_what_the_router_is_asked_is_asked_of_its_name_server(bed: Bed) -> None:
    bed.apply(**NAT)
    listener = bed.peer._inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    listener.bind(("10.93.0.1", 53))
    asker = bed.guest._inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with listener, asker:
        for each in (listener, asker):
            each.settimeout(10)
        asker.sendto(b"who is it?", ("10.94.0.1", 53))
        asked, whom = listener.recvfrom(100)
        assert (asked, whom[0]) == (b"who is it?", "10.93.0.2")
        listener.sendto(b"it is", whom)
        assert asker.recvfrom(100) == (b"it is", ("10.94.0.1", 53))
