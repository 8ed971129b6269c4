"""Ports of the front end that lead to a real guest on private networks: SSH by the line that is shown, and HTTP."""

import base64
import itertools
import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.real.zone import DONE, PASSWORD, Zone, wait_for

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def key(zone: Zone) -> Path:
    file = zone.data / "guest-key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    return file


@pytest.fixture(scope="module")
def private(zone: Zone, key: Path) -> int:
    """A guest in the network that hosts route, and in one that leads nowhere: no host has an address there."""
    zone.api.vn.allocate(
        'NAME="apart"\nVN_MAD="bridge"\nBRIDGE="inntest6"\nAR=[TYPE="IP4",IP="10.113.16.10",SIZE="9"]',
        -1,
    )
    public = key.with_suffix(".pub").read_text().strip()
    return zone.instantiate(
        "private",
        'NIC=[NETWORK="lan"]\nNIC=[NETWORK="apart"]\n'
        f'CONTEXT=[NETWORK="YES",SSH_PUBLIC_KEY="{public}",SET_HOSTNAME="private"]',
    )


def ask(zone: Zone, verb: str, vm: int, path: str = "", **wish: Any) -> Any:
    request = urllib.request.Request(
        f"{zone.url}/api/v1/vms/{vm}/redirects{path}", method=verb, data=json.dumps(wish).encode()
    )
    word = base64.b64encode(f"oneadmin:{PASSWORD}".encode()).decode()
    request.add_header("Authorization", f"Basic {word}")
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


def page(port: int) -> str:
    """What the guest says of itself; nothing when nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/cgi-bin/info", timeout=30) as reply:
            return reply.read().decode()
    except OSError:
        return ""


def closed(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_http_behind_each_nic_and_over_a_front_end_that_was_killed(
    zone: Zone, private: int
) -> None:
    ports = [ask(zone, "POST", private, to=80, nic=nic)["port"] for nic in (0, 1)]
    for port in ports:
        said = wait_for(lambda port=port: page(port), f"port {port} leads to the guest", 120)
        assert "hostname=private" in said
    zone.kill()
    assert all(map(closed, ports))
    zone.start()
    for port in ports:
        assert "hostname=private" in wait_for(lambda port=port: page(port), "it is back", 60)


def test_ssh_by_the_line_that_is_shown(zone: Zone, private: int, key: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "innkeeper.cli.main", "vm", "redirect", "add", str(private), "--to-port", "22"],
        env={**os.environ, "INN_DATA": str(zone.data)}, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    ssh, *words = shlex.split(shown)
    quiet = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i", str(key)]
    line = [ssh, *quiet, *words]

    def works() -> bool:
        found = subprocess.run([*line, "hostname"], capture_output=True, text=True, timeout=60)
        return found.stdout == "private\n"

    wait_for(works, f"{shown.strip()} works", 120)
    piece = 8 << 20
    times = [time.monotonic()]
    with subprocess.Popen(
        [*line, "cat /dev/zero"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as stalled:  # nobody reads what it says
        for told, said in (("wc -c", bytes(piece)), (f"head -c {piece} /dev/zero", b"")):
            done = subprocess.run([*line, told], input=said, capture_output=True, timeout=120)
            assert done.returncode == 0 and len(said) + len(done.stdout) >= piece
            times.append(time.monotonic())
        stalled.kill()
    into, out = (piece / (after - before) / 1e6 for before, after in itertools.pairwise(times))
    print(f"SSH through a redirect: {into:.1f} MB/s in, {out:.1f} MB/s out (emulated guest)")


def test_it_ends_with_its_time(zone: Zone, private: int) -> None:
    port = ask(zone, "POST", private, to=80, seconds=3)["port"]
    assert "hostname=private" in page(port)
    wait_for(lambda: closed(port), "its time is over", 30)
    assert all(each["port"] != port for each in ask(zone, "GET", private)["redirects"])


def test_it_ends_with_its_vm(zone: Zone, private: int) -> None:
    ports = [each["port"] for each in ask(zone, "GET", private)["redirects"]]
    assert ports and not any(map(closed, ports))
    zone.api.vm.action("terminate-hard", private)
    zone.wait_phase(private, DONE)
    wait_for(lambda: all(map(closed, ports)), "no port leads anywhere", 30)
    with pytest.raises(urllib.error.HTTPError, match="409"):
        ask(zone, "POST", private, to=80)
