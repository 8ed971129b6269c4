"""`inn up` and `inn down` as a user would call them, on a machine of their own (tests/real/machine.sh)."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.client import wait_for

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("INN_TEST_MACHINE") != "inside",
        reason="runs on a machine of its own: make test",
    ),
]

INN = Path(sys.executable).with_name("inn")
GUEST = "first-light"


class Cloud:
    """One data folder, and `inn` working on it."""

    def __init__(self, data: Path, listen: str) -> None:
        self.data = data
        self.listen = listen
        # No network here: the kernel comes from what `make test` built before.
        cache = os.environ.get("INN_CACHE", "/var/cache/innkeeper")
        self.environment = {**os.environ, "INN_DATA": str(data), "INN_CACHE": cache}

    def inn(self, *arguments: str, code: int = 0) -> str:
        """Standard output; what went to standard error is shown when the exit code is another."""
        done = subprocess.run(
            [INN, *arguments], env=self.environment, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    def status(self, code: int = 0) -> dict[str, object]:
        return dict(json.loads(self.inn("status", "--json", code=code)))

    def guest_info(self, address: str) -> str:
        with urllib.request.urlopen(f"http://{address}/cgi-bin/info", timeout=10) as answer:
            return str(answer.read().decode())

    def ssh(self, address: str, command: str) -> str:
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        arguments = [part for option in options for part in ("-o", option)]
        key = str(self.data / "ssh" / "id_ed25519")
        done = subprocess.run(
            ["ssh", "-n", "-i", key, *arguments, f"root@{address}", command],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    data = Path(tempfile.mkdtemp(prefix="inn-up-", dir="/var/tmp"))
    data.chmod(0o755)  # QEMU's user passes through; pytest's own folders are closed to it
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    cloud = Cloud(data, listen)
    yield cloud
    if data.exists():
        cloud.inn("down", "--purge")
        shutil.rmtree(data, ignore_errors=True)


def address_in(text: str) -> str:
    """The guest's address in what `inn up` prints."""
    line = next(line for line in text.splitlines() if line.strip().startswith("guest "))
    return line.split()[-1]


def interfaces() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


def test_nothing_to_take_down(cloud: Cloud) -> None:
    assert "Nothing to take down" in cloud.inn("down")
    assert cloud.status(code=5)["hosts"] == []


def test_up_brings_a_guest_that_can_be_reached(cloud: Cloud) -> None:
    said = cloud.inn("up", "--listen", cloud.listen)
    address = address_in(said)
    assert f"hostname={GUEST}" in cloud.guest_info(address)
    assert cloud.ssh(address, "hostname") == f"{GUEST}\n"
    status = cloud.status()
    assert status["vms"] == {"RUNNING": 1}
    assert [host["state"] for host in status["hosts"]] == ["MONITORED"]  # type: ignore[attr-defined]
    assert (cloud.data / "one_auth").stat().st_mode & 0o777 == 0o600


def test_up_again_changes_nothing(cloud: Cloud) -> None:
    boot = boot_id(cloud, address_in(cloud.inn("up")))
    assert boot_id(cloud, address_in(cloud.inn("up"))) == boot
    assert cloud.status()["vms"] == {"RUNNING": 1}


def test_the_front_end_has_no_rights_and_its_agents_are_who_they_should_be(cloud: Cloud) -> None:
    cloud.inn("up")
    daemon = cloud.status()["daemon"]
    assert isinstance(daemon, dict) and daemon["user"] == "innkeeper"
    status = of_process(daemon["pid"])
    user = pwd.getpwnam("innkeeper")
    assert status["Uid"].split() == [str(user.pw_uid)] * 4 and user.pw_uid != 0
    assert status["Groups"].split() == status["Gid"].split()[:1] == [str(user.pw_gid)]
    assert {int(status[f"Cap{which}"], 16) for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert user.pw_shell.endswith("nologin") and not Path(user.pw_dir).exists()
    images = of_process(process_with(str(cloud.data / "run" / "agent.pyz")))
    assert images["Uid"] == status["Uid"] and images["CapEff"] == status["CapEff"]
    for word in (service_of(cloud), "--front-end"):
        assert of_process(process_with(word))["Uid"].split()[0] == "0"


def test_a_killed_front_end_takes_its_agents_along_and_the_guest_does_not_notice(
    cloud: Cloud,
) -> None:
    address = address_in(cloud.inn("up"))
    boot = boot_id(cloud, address)
    os.kill(process_with("daemon"), signal.SIGKILL)
    wait_for(lambda: not processes_with("--front-end"), "the agent to end")
    assert boot_id(cloud, address) == boot
    assert address_in(cloud.inn("up")) == address
    assert boot_id(cloud, address) == boot


def test_an_agent_outlives_its_service_and_a_host_without_one_says_so(cloud: Cloud) -> None:
    address = address_in(cloud.inn("up"))
    boot = boot_id(cloud, address)
    os.kill(process_with(service_of(cloud)), signal.SIGKILL)
    agent = process_with("--front-end")
    assert cloud.status()["vms"] == {"RUNNING": 1}
    os.kill(agent, signal.SIGKILL)
    said = f"the service that starts agents does not answer at {cloud.data}/host/agent.sock"
    wait_for(lambda: said in host_error(cloud), "the host to say why it is away")
    assert boot_id(cloud, address) == boot
    cloud.inn("up")
    wait_for(lambda: not host_error(cloud), "the host to be back")
    assert boot_id(cloud, address) == boot
    assert cloud.status()["vms"] == {"RUNNING": 1}


def service_of(cloud: Cloud) -> str:
    """A word of the command line that the service for agents alone has."""
    return str(cloud.data / "host" / "agent.sock")


def host_error(cloud: Cloud) -> str:
    hosts = cloud.status()["hosts"]
    assert isinstance(hosts, list)
    return str(hosts[0]["error"])


def of_process(pid: int) -> dict[str, str]:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: text.strip() for name, _, text in (line.partition(":") for line in lines)}


def process_with(word: str) -> int:
    (pid,) = processes_with(word)
    return pid


def processes_with(word: str) -> list[int]:
    """The processes of our own program that have this word on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            if word in words and "python" in words[0]:
                found.append(int(path.parent.name))
    return found


def boot_id(cloud: Cloud, address: str) -> str:
    lines = cloud.guest_info(address).splitlines()
    return next(line for line in lines if line.startswith("boot_id="))


def test_down_leaves_nothing_running_and_up_goes_on(cloud: Cloud) -> None:
    address = address_in(cloud.inn("up"))
    cloud.ssh(address, "echo kept > /root/note; sync")
    assert "no process, interface or firewall rule is left" in cloud.inn("down")
    assert interfaces() == {"lo"}
    assert not [words for words in command_lines() if str(cloud.data) in " ".join(words)]
    tables = subprocess.run(["nft", "list", "tables"], check=True, capture_output=True, text=True)
    assert "innkeeper" not in tables.stdout
    with pytest.raises(urllib.error.URLError):
        cloud.guest_info(address)
    assert address_in(cloud.inn("up")) == address
    assert cloud.ssh(address, "cat /root/note") == "kept\n"


def test_a_cloud_that_ran_as_root_is_taken_over(cloud: Cloud) -> None:
    """As older releases left it: all is root's, and a front end of root's runs."""
    cloud.inn("down")
    for name in ("listen", "stopped-by-down"):
        (cloud.data / "host" / name).rename(cloud.data / "run" / name)
    for path in (cloud.data, *cloud.data.rglob("*")):
        os.chown(path, 0, 0, follow_symlinks=False)
    cloud.data.chmod(0o755)
    command = [INN, "daemon", "--data", cloud.data, "--listen", cloud.listen]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as old:
        wait_for((cloud.data / "run" / "endpoint").exists, "the old front end")
        assert cloud.status()["daemon"]["user"] == "root"  # type: ignore[index]
        address = address_in(cloud.inn("up"))
        assert old.wait(60) == 0
    assert cloud.status()["daemon"]["user"] == "innkeeper"  # type: ignore[index]
    assert cloud.ssh(address, "cat /root/note") == "kept\n"


def command_lines() -> list[list[str]]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode(errors="replace").split("\0"))
        except OSError:
            continue
    return found


def test_purge_removes_the_folder(cloud: Cloud) -> None:
    assert "is removed" in cloud.inn("down", "--purge")
    assert not cloud.data.exists()
    assert interfaces() == {"lo"}
