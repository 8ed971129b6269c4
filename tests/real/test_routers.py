"""A virtual router of the small guest's kind between two networks, and a guest behind it that has nothing else."""

import base64
import json
import os
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.real.zone import DONE, PASSWORD, Zone, wait_for

pytestmark = pytest.mark.real

INSIDE = "10.113.17"
PORT = 8099
#: Where our name server says that everything is.
ANSWER = "192.0.2.55"


@pytest.fixture(scope="module")
def outside(zone: Zone) -> Iterator[str]:
    """This machine's address in the outer network, once it is there, with a web and a name server."""
    address = f"{zone.prefix}.1"
    subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True)
    web = socket.create_server((address, PORT))
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind((address, 53))
    for serve in (serve_web, serve_names):
        threading.Thread(
            target=serve, args=(web if serve is serve_web else names,), daemon=True
        ).start()
    with web, names:
        yield address
    subprocess.run(["ip", "addr", "del", f"{address}/32", "dev", "lo"], check=True)


def serve_web(listener: socket.socket) -> None:
    while True:
        try:
            client, peer = listener.accept()
        except OSError:
            return
        with client:
            client.recv(1000)
            said = f"you are {peer[0]}"
            client.sendall(f"HTTP/1.0 200 OK\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode())


def serve_names(server: socket.socket) -> None:
    """Answers any question for an address (RFC 1035) with the same one, and others with nothing."""
    while True:
        try:
            question, peer = server.recvfrom(512)
        except OSError:
            return
        end = question.index(b"\0", 12) + 5
        wanted = question[end - 4 : end - 2] == b"\0\1"
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(ANSWER) if wanted else b""
        head = question[:2] + b"\x81\x80\0\1" + (b"\0\1" if wanted else b"\0\0") + b"\0\0\0\0"
        server.sendto(head + question[12:end] + answer, peer)


def run(zone: Zone, vm: int, command: str) -> str | None:
    """What a command in a guest says; None when it fails, or the guest's agent does not answer yet."""
    body = json.dumps({"command": command, "seconds": 20}).encode()
    request = urllib.request.Request(f"{zone.url}/api/v1/vms/{vm}/exec", method="POST", data=body)
    word = base64.b64encode(f"oneadmin:{PASSWORD}".encode()).decode()
    request.add_header("Authorization", f"Basic {word}")
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            done: dict[str, Any] = json.loads(reply.read())
    except OSError:
        return None
    return None if done["code"] else base64.b64decode(done["stdout"]).decode()


def fetch(address: str) -> str | None:
    try:
        with urllib.request.urlopen(f"http://{address}/cgi-bin/info", timeout=5) as reply:
            return str(reply.read().decode())
    except OSError:
        return None


def test_a_guest_behind_a_router(zone: Zone, outside: str) -> None:
    one = zone.api
    inner = one.vn.allocate(
        f'NAME="inside"\nVN_MAD="bridge"\nBRIDGE="inntest5"\nNETWORK_ADDRESS="{INSIDE}.0"\n'
        f'NETWORK_MASK="255.255.255.0"\nMETHOD="dhcp"\nAR=[TYPE="IP4",IP="{INSIDE}.10",SIZE="9"]',
        -1,
    )
    guest = zone.instantiate(
        "behind",
        'NIC=[NETWORK="inside"]\nCONTEXT=[NETWORK="YES",SET_HOSTNAME="behind"]',
    )
    template = one.template.allocate(
        'NAME="router"\nVROUTER="YES"\nCPU="0.1"\nMEMORY="96"\nDISK=[IMAGE="tiny"]\n'
        'CONTEXT=[NETWORK="YES",ONEAPP_VNF_ROUTER4_ENABLED="YES",ONEAPP_VNF_DHCP4_ENABLED="YES",'
        'ONEAPP_VNF_DHCP4_INTERFACES="eth1",ONEAPP_VNF_DNS_ENABLED="YES",'
        f'ONEAPP_VNF_DNS_NAMESERVERS="{outside}"]'
    )
    router = one.vrouter.allocate(
        'NAME="edge"\nNIC=[NETWORK="lan",FLOATING_IP="YES"]\n'
        'NIC=[NETWORK="inside",FLOATING_IP="YES",METHOD="static"]'
    )
    assert one.vrouter.instantiate(router, 1, template, "", False, "") == router
    [made] = one.vrouter.info(router).VMS.ID
    floating, gateway = (nic["IP"] for nic in one.vrouter.info(router).TEMPLATE["NIC"])
    leased = zone.address(guest)

    def seen() -> bool:
        return f" {leased}/24 " in (run(zone, guest, "ip -4 -o addr") or "")

    wait_for(seen, "the guest has its lease by DHCP", 300)
    assert f"default via {gateway} " in (run(zone, guest, "ip route") or "")
    assert run(zone, guest, f"ping -c1 -W5 {gateway}")
    # Not busybox's wget: linked statically, it looks names up by loading libraries, and crashes.
    web = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {outside} {PORT}"
    assert run(zone, guest, web) is None  # the machine outside has no way back
    assert "hostname=behind" not in (fetch(floating) or "")  # the router's own page, at most
    one.vm.updateconf(
        made,
        'CONTEXT=[ONEAPP_VNF_NAT4_ENABLED="YES",ONEAPP_VNF_NAT4_INTERFACES_OUT="eth0",'
        f'ROUTER_FORWARD="{floating}={leased}"]',
        1,
    )
    own = one.vm.info(made).TEMPLATE["NIC"][0]["IP"]
    said = wait_for(lambda: run(zone, guest, web), "the guest reaches the outside", 120)
    assert said.endswith((f"you are {own}", f"you are {floating}"))
    assert ANSWER in (run(zone, guest, "nslookup -type=a anything.example 2>&1") or "")
    wait_for(lambda: "hostname=behind" in (fetch(floating) or ""), "an address leads in", 60)

    one.vrouter.delete(router)
    zone.wait_phase(made, DONE)
    assert router not in [each.ID for each in one.vrouterpool.info(-2, -1, -1).VROUTER]
    one.vm.action("terminate-hard", guest)
    zone.wait_phase(guest, DONE)
    one.vn.delete(inner)
    assert os.system("ip link show inntest5 >/dev/null 2>&1") != 0
