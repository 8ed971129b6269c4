"""A guest's screen in a browser, its pictures, who does not get to see them; what is measured of it."""

import base64
import os
import socket
import subprocess
import sys
import urllib.request
import xml.etree.ElementTree as ET
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyone
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.real.browser import Browser
from tests.real.zone import PASSWORD, Zone, wait_for

pytestmark = pytest.mark.real

INN = (sys.executable, "-m", "innkeeper.cli.main")
#: A shell on the screen, besides the one on the serial port.
SHELL = "setsid getty -n -l /bin/sh 38400 tty1 </dev/null >/dev/null 2>&1 &"
PICTURE = "document.querySelector('canvas')?.toDataURL()"
STATUS = "document.getElementById('status').textContent"


@pytest.fixture(scope="module")
def vm(zone: Zone) -> Iterator[int]:
    """A guest with a shell on its screen."""
    extra = f'CONTEXT=[NETWORK="YES",SET_HOSTNAME="$NAME",START_SCRIPT="{SHELL}"]'
    vm = zone.instantiate("seen", extra)
    zone.answers(vm)
    yield vm
    zone.api.vm.action("terminate-hard", vm)
    zone.wait_phase(vm, 6)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


def inn(zone: Zone, *arguments: str) -> bytes:
    command = [*INN, *arguments]
    environment = {**os.environ, "INN_DATA": str(zone.data)}
    return subprocess.run(command, env=environment, check=True, capture_output=True).stdout


def console_of(zone: Zone, token: str) -> str:
    return f"{zone.url.replace('http', 'ws', 1)}/api/v1/console?token={token}"


def test_a_screen_in_the_browser_shows_what_is_typed(zone: Zone, vm: int, browser: Browser) -> None:
    browser.open(inn(zone, "vm", "vnc", str(vm)).decode().strip())
    wait_for(lambda: browser.value(STATUS) == "Connected", "the screen is shown")
    assert browser.value("location.href") == f"{zone.url}/console/"  # the token is not in it
    before = wait_for(lambda: browser.value(PICTURE), "a picture")
    browser.type("echo typed-by-hand")
    typed = wait_for(lambda: _other(browser.value(PICTURE), before), "what is typed on the screen")
    browser.type("\n")
    wait_for(lambda: _other(browser.value(PICTURE), typed), "its answer on the screen")
    browser.type("ls /dev/null\nreboot -f\n")
    wait_for(lambda: zone.serial(vm).count("TINY READY") == 2, "the guest does what was typed")
    wait_for(lambda: zone.answers(vm), "the guest is up again")
    assert browser.value(STATUS) == "Connected"  # the screen stays through a reboot
    assert browser.problems == []


def _other(now: Any, before: Any) -> Any:
    return now if now and now != before else None


def test_the_serial_port_in_the_browser(zone: Zone, vm: int, browser: Browser) -> None:
    browser.open(inn(zone, "vm", "vnc", str(vm), "--serial").decode().strip())
    wait_for(lambda: browser.value(STATUS) == "Connected", "the serial port is open")
    browser.type("\necho serial-by-hand\n")
    shown = "document.querySelector('pre').textContent"
    wait_for(lambda: browser.value(shown).count("serial-by-hand") >= 2, "the echo and the answer")
    assert browser.problems == []


def test_a_token_is_good_once(zone: Zone, vm: int) -> None:
    token = zone.ask(f"vms/{vm}/console-token?kind=vnc", "POST")["token"]
    with connect(console_of(zone, token), subprotocols=["binary"]) as screen:
        assert screen.subprotocol == "binary"
        assert screen.recv(timeout=60) == b"RFB 003.008\n"
    for wrong in (token, "guessed"):
        with pytest.raises(InvalidStatus) as no, connect(console_of(zone, wrong)):
            pass
        assert no.value.response.status_code == 401


def test_who_does_not_read_costs_no_more_than_a_window(zone: Zone, vm: int) -> None:
    """Megabytes from the guest to one who does not look; neither the agent nor the front end holds them."""
    token = zone.ask(f"vms/{vm}/console-token?kind=serial", "POST")["token"]
    where = urlsplit(zone.url)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect((where.hostname, where.port))
    key = base64.b64encode(os.urandom(16)).decode()
    slow.sendall(
        f"GET /api/v1/console?token={token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    assert b"101" in slow.recv(4096)
    before = {pid: memory(pid) for pid in (zone.daemon.pid, *agents(zone))}
    size = len(zone.serial(vm))
    say(slow, b"\nhead -c 1000000 /dev/zero | tr '\\0' x; echo; echo said-$((40+2))\n")
    wait_for(lambda: "said-42" in zone.serial(vm)[size:], "the guest has said it all")
    grown = {pid: memory(pid) - kib for pid, kib in before.items()}
    assert max(grown.values()) < 900, grown
    # Others are served meanwhile.
    assert zone.api.vm.info(vm).STATE == 3
    slow.close()


def say(slow: socket.socket, text: bytes) -> None:
    """One WebSocket message of a client (masked with zeros)."""
    assert len(text) < 126
    slow.sendall(bytes((0x82, 0x80 | len(text), 0, 0, 0, 0)) + text)


def memory(pid: int) -> int:
    """KiB that a process has in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


def agents(zone: Zone) -> list[int]:
    """The front end's children."""
    text = Path(f"/proc/{zone.daemon.pid}/task/{zone.daemon.pid}/children").read_text()
    return [int(pid) for pid in text.split()]


def test_a_picture_changes_with_the_screen(
    zone: Zone, vm: int, browser: Browser, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    inn(zone, "vm", "screenshot", str(vm), "-o", str(one))
    assert one.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    browser.open(f"{zone.url}/console/")
    wait_for(lambda: "needs a token" in (browser.value(STATUS) or ""), "the page without a token")
    serial(zone, vm, b"\necho -e '\\033cHello' > /dev/tty1\n")

    def changed() -> bool:
        two.write_bytes(inn(zone, "vm", "screenshot", str(vm), "-o", "-"))
        return two.read_bytes() != one.read_bytes()

    wait_for(changed, "another picture")
    image = base64.b64encode(two.read_bytes()).decode()
    # A browser can read it, and sees a screen of text.
    browser.value(f"window.picture = new Image(); picture.src = 'data:image/png;base64,{image}'; 1")
    assert wait_for(lambda: browser.value("picture.width"), "the picture is decoded") >= 640


def serial(zone: Zone, vm: int, text: bytes) -> None:
    """Types into the serial port."""
    token = zone.ask(f"vms/{vm}/console-token", "POST")["token"]
    with connect(console_of(zone, token)) as line:
        line.send(text)
        line.recv(timeout=60)


def test_the_screen_is_on_loopback_and_nowhere_else(zone: Zone, vm: int) -> None:
    graphics = zone.api.vm.info(vm).TEMPLATE["GRAPHICS"]
    assert (graphics["LISTEN"], graphics["PORT"]) == ("127.0.0.1", str(5900 + vm))
    found = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = [line.split()[1] for line in found if line.split()[3] == "0A"]
    assert f"0100007F:{5900 + vm:04X}" in listening
    assert f"00000000:{5900 + vm:04X}" not in listening


def test_what_is_measured_of_a_guest(zone: Zone, vm: int) -> None:
    def measured() -> ET.Element | None:
        with xmlrpc.client.ServerProxy(f"{zone.url}/RPC2") as front_end:
            _, document, *_ = front_end.one.vm.info(f"oneadmin:{PASSWORD}", vm)
        found = ET.fromstring(document).find("MONITORING")
        return None if found is None or found.find("NETRX_BW") is None else found

    found = wait_for(measured, "a second sample")
    assert float(found.findtext("MEMORY")) > 10_000
    assert int(found.findtext("DISKRDBYTES")) > 1_000_000
    assert int(found.findtext("DISK_SIZE/SIZE")) >= 1
    with urllib.request.urlopen(f"{zone.url}/metrics", timeout=60) as reply:
        families = {f.name: f for f in text_string_to_metric_families(reply.read().decode())}
    for name in ("host_memory_used_bytes", "vm_memory_bytes", "vm_disk_read_bytes", "call_seconds"):
        assert families[f"innkeeper_{name}"].samples, name
    [age] = families["innkeeper_host_sample_age_seconds"].samples
    assert age.labels == {"host": zone.host_name}
    assert inn(zone, "host", "list").decode().split()[-1].endswith(("s", "m"))


def test_commands_in_a_guest(zone: Zone, vm: int) -> None:
    assert inn(zone, "vm", "exec", str(vm), "--", "hostname").decode() == "seen\n"
    script = r'printf "%s\n" "a b" \\; cat; echo no >&2; exit 7'
    done = subprocess.run(
        [*INN, "vm", "exec", str(vm), "--stdin", "--", script],
        env={**os.environ, "INN_DATA": str(zone.data)}, input=b"given\n", capture_output=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (7, b"a b\n\\\ngiven\n", b"no\n")
    late = subprocess.run(
        [*INN, "vm", "exec", str(vm), "--timeout", "1", "--", "sleep", "30"],
        env={**os.environ, "INN_DATA": str(zone.data)}, capture_output=True,
    )  # fmt: skip
    assert late.returncode == 1 and b"it goes on" in late.stderr


def told(zone: Zone, vm: int, *statuses: str) -> dict[str, str]:
    """QEMU_GA_EXEC once it has one of these statuses; what is base64 in it decoded."""

    def found() -> Any:
        now = zone.api.vm.info(vm).TEMPLATE.get("QEMU_GA_EXEC", {})
        return now if now.get("STATUS") in statuses else None

    told = wait_for(found, f"the command is {' or '.join(statuses)}", 60)
    outputs = {
        n: base64.b64decode(told[n] or "").decode() for n in ("STDOUT", "STDERR") if n in told
    }
    return {**told, **outputs}


def goes_on(zone: Zone, vm: int, seconds: str) -> bool:
    """Does a sleep of so many seconds run in the guest?"""
    line = f"ps | grep '[s]leep {seconds}' || true"
    return inn(zone, "vm", "exec", str(vm), "--", line) != b""


def test_commands_by_the_contract(zone: Zone, vm: int) -> None:
    api = zone.api
    api.vm.exec(vm, r'printf "%s|" "a b" \\; cat; echo no >&2; exit 7', "given")
    done = told(zone, vm, "DONE", "ERROR")
    assert done["RETURN_CODE"] == "7", done
    assert (done["STDOUT"], done["STDERR"]) == ("a b|\\|given", "no\n")

    begun(zone, vm, "echo begun; (sleep 7001; true) & sleep 7002")
    wait_for(lambda: goes_on(zone, vm, "7001") and goes_on(zone, vm, "7002"), "it goes on", 60)
    with pytest.raises(pyone.OneException, match="is carrying out a command"):
        api.vm.exec(vm, "true", "")
    api.vm.updateconf(vm, 'RAW=[TYPE="kvm",DATA=""]')  # free for everything else
    zone.running(vm)
    api.vm.cancelexec(vm)
    told(zone, vm, "CANCELLED")
    assert not goes_on(zone, vm, "7001") and not goes_on(zone, vm, "7002")

    api.vm.retryexec(vm)
    is_begun(zone, vm)
    api.vm.cancelexec(vm)
    told(zone, vm, "CANCELLED")


def begun(zone: Zone, vm: int, command: str) -> None:
    zone.api.vm.exec(vm, command, "")
    is_begun(zone, vm)


def is_begun(zone: Zone, vm: int) -> None:
    """It runs, and the VM is no longer in HOTPLUG."""
    told(zone, vm, "EXECUTING")
    zone.running(vm)


def test_commands_go_on_without_a_front_end_for_as_long_as_they_may(zone: Zone, vm: int) -> None:
    begun(zone, vm, "until [ -e /run/go ]; do sleep 0.1; done; echo went")
    zone.kill()
    zone.start()
    touch = [*INN, "vm", "exec", str(vm), "--", "touch /run/go"]
    environment = {**os.environ, "INN_DATA": str(zone.data)}
    wait_for(lambda: subprocess.run(touch, env=environment).returncode == 0, "the link stands", 60)
    assert told(zone, vm, "DONE", "ERROR")["STDOUT"] == "went\n"
    begun(zone, vm, "sleep 7003")
    zone.kill()
    settings = zone.data / "innkeeper.toml"
    settings.write_text("[guests]\nlongest_command = 0.5\n")
    zone.start()
    settings.unlink()
    assert "had not ended after 0.5 s" in told(zone, vm, "ERROR", "DONE")["STDERR"]
    assert not goes_on(zone, vm, "7003")


def test_the_log_of_a_guest_without_a_network(zone: Zone) -> None:
    """Its host's port is somebody else's: it starts with another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        text = f'NAME="mute"\nCPU="0.1"\nMEMORY="96"\nDISK=[IMAGE="tiny"]\nGRAPHICS=[TYPE="vnc",PORT="{port}"]'
        vm = zone.api.vm.allocate(text)
        zone.running(vm)
    token = zone.ask(f"vms/{vm}/console-token?kind=vnc", "POST")["token"]
    with connect(console_of(zone, token)) as screen:
        assert screen.recv(timeout=60) == b"RFB 003.008\n"
        wait_for(
            lambda: b"TINY READY" in inn(zone, "vm", "log", str(vm)), "its log tells of its boot"
        )
        zone.api.vm.action("terminate-hard", vm)
        with pytest.raises(ConnectionClosed):
            while True:
                screen.recv(timeout=60)
    zone.wait_phase(vm, 6)
