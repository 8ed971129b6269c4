"""The command line against the real front end, with simulated hosts: the whole set of objects."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Inn

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("innkeeper.daemon") is None, reason="there is no innkeeper.daemon"
)

PASSWORD = "open sesame: it is long"
PATIENCE = 60.0  # seconds; reached only when something is broken


def eventually(probe: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := probe()):
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.05)
    return found


class Daemon:
    """`inn daemon --simulate` as a process of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.endpoint_file = data / "run" / "endpoint"
        self.log = data.parent / "daemon.log"
        self._start()

    def _start(self) -> None:
        line = [sys.executable, "-m", "innkeeper.cli.main", "daemon"]
        line += ["--simulate", "--data", str(self.data), "--listen", "127.0.0.1:0"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                line, env=os.environ | {"INN_ADMIN_PASSWORD": PASSWORD}, stdout=log, stderr=log
            )
        eventually(self._is_up, f"the front end's endpoint; see {self.log}")

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return self.endpoint_file.exists()

    def restart(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    running = Daemon(tmp_path_factory.mktemp("cloud") / "data")
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def at_the_daemon(daemon: Daemon, monkeypatch: pytest.MonkeyPatch, bare_environment: None) -> None:
    """Credentials and endpoint are found in the data folder."""
    monkeypatch.setenv("INN_DATA", str(daemon.data))


Do = Callable[..., Any]


@pytest.fixture
def do(inn: Inn) -> Do:
    """Run a command that must succeed; the answer as data."""

    def run(*arguments: str, stdin: str = "") -> Any:
        outcome = inn(*arguments, "--json", stdin=stdin)
        assert outcome.code == 0, outcome.err
        return outcome.data if outcome.out else None

    return run


@pytest.fixture
def cloud(do: Do) -> None:
    """A host, an image, a network and a template, made once."""
    if any(host["NAME"] == "sim1" for host in do("host", "list")):
        return
    do("host", "create", "sim1", "-i", "dummy", "-v", "dummy")
    do("host", "wait", "sim1")
    do("image", "create", "--name", "blank", "--type", "datablock", "--size", "64")
    do("image", "wait", "blank")
    do("network", "create", "--name", "net", "--vn-mad", "dummy", "--bridge", "br0",
       "--ip", "10.0.0.2", "--size", "50")  # fmt: skip
    do("template", "create", "--name", "small", "--cpu", "0.5", "--memory", "128",
       "--disk", "blank", "--nic", "net")  # fmt: skip


def test_the_first_start_has_what_a_cloud_begins_with(do: Do) -> None:
    assert {user["NAME"]: user["ID"] for user in do("user", "list")}["oneadmin"] == 0
    assert {group["ID"]: group["NAME"] for group in do("group", "list")}[0] == "oneadmin"
    assert "default" in [cluster["NAME"] for cluster in do("cluster", "list")]
    assert {store["ID"] for store in do("datastore", "list")} >= {0, 1}
    assert do("user", "show", "oneadmin")["AUTH_DRIVER"] == "core"


def test_a_vm_lives_through_its_life(cloud: None, do: Do, inn: Inn) -> None:
    made = do("template", "instantiate", "small", "--name", "alive")
    number = str(made["ID"])
    running = do("vm", "wait", number)
    assert (running["NAME"], running["STATE_NAME"]) == ("alive", "RUNNING")
    assert running["TEMPLATE"]["NIC"][0]["IP"].startswith("10.0.0.")
    for verb, state in (
        ("poweroff", "POWEROFF"),
        ("resume", "RUNNING"),
        ("suspend", "SUSPENDED"),
        ("resume", "RUNNING"),
        ("reboot", "RUNNING"),
    ):
        do("vm", verb, number)
        assert do("vm", "wait", number, "--state", state)["STATE_NAME"] == state
    do("vm", "terminate", "alive")
    assert do("vm", "wait", number, "--state", "done")["STATE_NAME"] == "DONE"
    assert number not in inn("vm", "list", "-l", "ID", "--no-header").out.split()
    told = [event["what"] for event in do("vm", "story", number)]
    assert told[0] == "created" and "state" in told


def test_a_vm_is_shown_in_tables_and_sheets(cloud: None, do: Do, inn: Inn) -> None:
    do("template", "instantiate", "small", "--name", "shown")
    do("vm", "wait", "shown")
    [row] = inn("vm", "list", "--no-header", "-f", "NAME=shown").out.splitlines()
    assert row.split()[3:8] == ["shown", "runn", "0.5", "128M", "sim1"]
    sheet = inn("vm", "show", "shown").out
    for title in ("VIRTUAL MACHINE", "PERMISSIONS", "VM DISKS", "VM NICS", "HISTORY", "TEMPLATE"):
        assert f"{title}" in sheet
    assert "LCM_STATE           : RUNNING" in sheet
    do("vm", "terminate", "shown", "--hard")


def test_held_vms_wait_for_release_or_a_chosen_host(cloud: None, do: Do) -> None:
    found = do("template", "instantiate", "small", "--name", "held-%i", "-m", "2", "--hold")
    first, second = (str(made["ID"]) for made in found)
    assert do("vm", "wait", first, "--state", "hold")["STATE_NAME"] == "HOLD"
    do("vm", "release", first)
    do("vm", "deploy", second, "sim1")
    for number in (first, second):
        do("vm", "wait", number)
    do("vm", "terminate", f"{first},{second}")


def test_a_vm_from_a_pipe_is_a_vm(cloud: None, do: Do) -> None:
    text = 'NAME = "piped"\nCPU = 0.1\nMEMORY = 64\nDESCRIPTION = "a \\"quoted\\" word"\n'
    number = str(do("vm", "create", "--hold", "-", stdin=text)["ID"])
    assert do("vm", "show", number)["USER_TEMPLATE"]["DESCRIPTION"] == 'a "quoted" word'
    do("vm", "update", number, "--set", "COLOUR=blue & <green>")
    template = do("vm", "show", number)["USER_TEMPLATE"]
    assert template["COLOUR"] == "blue & <green>" and "DESCRIPTION" in template
    do("vm", "rename", number, "renamed")
    do("vm", "chmod", "renamed", "640")
    shown = do("vm", "show", "renamed")
    assert shown["PERMISSIONS"]["GROUP_U"] is True and shown["PERMISSIONS"]["OTHER_U"] is False
    do("vm", "lock", number)
    assert do("vm", "show", number)["LOCK"]["LOCKED"] == 1
    do("vm", "unlock", number)
    do("vm", "terminate", number)


def test_a_vm_that_fits_nowhere_is_explained(cloud: None, do: Do, inn: Inn) -> None:
    number = str(do("vm", "create", "--name", "huge", "--cpu", "900", "--memory", "1t")["ID"])
    told = do("why", "huge")
    assert told["state"] == "PENDING" and told["vm"] == int(number)
    [host] = [host for host in told["hosts"] if host["name"] == "sim1"]
    assert host["verdict"] == "refused"
    assert {"cpu", "memory"} <= {check["name"] for check in host["checks"] if not check["ok"]}
    assert told["advice"]
    text = inn("why", "huge").out
    assert "sim1" in text and "refused" in text
    outcome = inn("vm", "wait", "huge", "--timeout", "0.3")
    assert outcome.code == 6 and "PENDING" in outcome.err
    do("vm", "terminate", "huge")


def test_networks_lend_and_keep_addresses(cloud: None, do: Do) -> None:
    do("network", "hold", "net", "10.0.0.40")
    [ar] = do("network", "show", "net")["AR_POOL"]
    assert {"IP": "10.0.0.40", "VM": -1} in [
        {"IP": lease["IP"], "VM": lease.get("VM")} for lease in ar["LEASES"]
    ]
    do("network", "release", "net", "10.0.0.40")
    do("network", "add-range", "net", "--ip", "10.9.0.1", "--size", "4")
    ranges = do("network", "show", "net")["AR_POOL"]
    assert [found["IP"] for found in ranges] == ["10.0.0.2", "10.9.0.1"]
    do("network", "rm-range", "net", str(ranges[1]["AR_ID"]))
    assert len(do("network", "show", "net")["AR_POOL"]) == 1


def test_images_are_made_changed_and_deleted(cloud: None, do: Do, inn: Inn) -> None:
    do("image", "create", "--name", "scrap", "--type", "datablock", "--size", "32")
    do("image", "wait", "scrap")
    do("image", "persistent", "scrap")
    assert do("image", "show", "scrap")["PERSISTENT"] is True
    do("image", "nonpersistent", "scrap")
    do("image", "disable", "scrap")
    assert do("image", "wait", "scrap", "--state", "disabled")["STATE_NAME"] == "DISABLED"
    do("image", "enable", "scrap")
    do("image", "rename", "scrap", "scrap2")
    do("image", "delete", "scrap2")
    eventually(
        lambda: "scrap2" not in inn("image", "list", "-l", "NAME").out, "the image to be gone"
    )


def test_templates_are_copied_and_deleted(cloud: None, do: Do) -> None:
    do("template", "clone", "small", "copy")
    assert do("template", "show", "copy")["TEMPLATE"]["MEMORY"] == 128
    do("template", "delete", "copy")
    assert "copy" not in [found["NAME"] for found in do("template", "list")]


def test_hosts_and_clusters(cloud: None, do: Do) -> None:
    do("cluster", "create", "rack")
    do("host", "create", "sim2", "-i", "dummy", "-v", "dummy", "-c", "rack")
    do("host", "wait", "sim2")
    assert do("host", "show", "sim2")["CLUSTER"] == "rack"
    do("host", "disable", "sim2")
    assert do("host", "wait", "sim2", "--state", "dsbl")["STATE_NAME"] == "DISABLED"
    do("host", "enable", "sim2")
    do("host", "wait", "sim2")
    number = do("host", "show", "sim2")["ID"]
    assert do("cluster", "show", "rack")["HOSTS"] == [number]
    do("host", "delete", "sim2")
    do("cluster", "delete", "rack")
    assert "rack" not in [found["NAME"] for found in do("cluster", "list")]


def test_datastores(do: Do) -> None:
    do("datastore", "create", "--name", "more", "--ds-mad", "dummy", "--tm-mad", "dummy")
    assert do("datastore", "show", "more")["TYPE"] == 0
    do("datastore", "delete", "more")


def test_users_see_their_own_and_are_refused_the_rest(cloud: None, do: Do, inn: Inn) -> None:
    do("group", "create", "pupils")
    do("user", "create", "ann", "-g", "pupils", stdin="her secret\n")
    ann = ("--user", "ann", "--password", "her secret")
    number = str(do(*ann, "vm", "create", "--name", "hers", "--cpu", "0.1", "--memory", "32",
                    "--hold")["ID"])  # fmt: skip
    assert [vm["NAME"] for vm in do(*ann, "vm", "list")] == ["hers"]
    assert do(*ann, "host", "list") == []
    (host, *_) = [host["ID"] for host in do("host", "list") if host["NAME"] == "sim1"]
    outcome = inn(*ann, "host", "delete", str(host))
    assert outcome.code == 4 and outcome.err.startswith("inn: host ")
    wrong = inn("--user", "ann", "--password", "guessed", "vm", "list")
    assert wrong.code == 4 and "authenticated" in wrong.err
    do("vm", "chown", number, "oneadmin")
    assert do(*ann, "vm", "list") == []
    do("vm", "terminate", number)
    do("user", "delete", "ann")
    do("group", "delete", "pupils")


def test_a_token_takes_the_place_of_the_password(do: Do, tmp_path: Path, inn: Inn) -> None:
    outcome = inn("user", "login", "--file", str(tmp_path / "auth"), "--time", "600")
    assert outcome.code == 0
    user, _, token = (tmp_path / "auth").read_text().strip().partition(":")
    assert user == "oneadmin" and token != PASSWORD
    assert do("vm", "list", "--user", user, "--password", token) is not None


def test_what_is_not_there_is_not_found(inn: Inn) -> None:
    for kind in ("vm", "host", "image", "network", "template", "datastore", "user", "group"):
        assert inn(kind, "show", "98765").code == 3, kind
        assert inn(kind, "show", "nobody-has-this-name").code == 3, kind


def test_what_cannot_be_done_is_refused_with_a_reason(cloud: None, do: Do, inn: Inn) -> None:
    number = str(do("template", "instantiate", "small", "--hold")["ID"])
    outcome = inn("vm", "resume", number)
    assert outcome.code == 1 and outcome.err.count("\n") == 1
    do("vm", "terminate", number)
    assert inn("vm", "create", "--name", "no capacity at all").code == 1
    assert inn("network", "delete", "net", "--json").data[0]["ok"] is True
    do("network", "create", "--name", "net", "--vn-mad", "dummy", "--bridge", "br0",
       "--ip", "10.0.0.2", "--size", "50")  # fmt: skip


def test_all_events_are_sentences(cloud: None, do: Do, inn: Inn) -> None:
    outcome = inn("events", "--limit", "1000")
    assert (outcome.code, outcome.err) == (0, "")
    assert len(outcome.out.splitlines()) == len(do("events", "--limit", "1000")) + 1


def test_events_are_listed_and_followed(cloud: None, daemon: Daemon, do: Do) -> None:
    listed = do("events", "--limit", "3")
    assert [event["seq"] for event in listed] == sorted(event["seq"] for event in listed)
    line = [sys.executable, "-m", "innkeeper.cli.main", "events", "--follow", "--json"]
    line += ["--after", str(listed[-1]["seq"]), "--kind", "cluster", "--limit", "1"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as follower:
        watchdog = threading.Timer(PATIENCE, follower.kill)
        watchdog.start()
        do("cluster", "create", "seen")
        assert follower.stdout is not None
        event = json.loads(follower.stdout.readline())
        watchdog.cancel()
        assert follower.wait(PATIENCE) == 0
    assert (event["kind"], event["what"]) == ("cluster", "created")
    do("cluster", "delete", "seen")


def test_operations_are_told_waited_for_and_not_cancelled_too_late(
    cloud: None, do: Do, inn: Inn
) -> None:
    do("vm", "create", "--name", "worked-on", "--cpu", "0.1", "--memory", "64")
    do("vm", "wait", "worked-on")
    events = do("events", "--kind", "operation", "--limit", "1000")
    number = str(events[-1]["id"])
    ended = do("operation", "wait", number)
    assert (ended["name"], ended["target_kind"], ended["state"]) == ("deploy", "vm", "finished")
    assert do("operation", "show", number) == ended
    assert do("operation", "list") == []
    assert "deploy" in inn("operation", "show", number).out
    late = inn("operation", "cancel", number)
    assert (late.code, late.out) == (3, "") and "operation" in late.err
    do("vm", "terminate", "worked-on")


def test_webhooks_are_made_told_and_deleted(do: Do, inn: Inn) -> None:
    made = do(
        "webhook", "create", "alerts", "http://127.0.0.1:9/in", "--kind", "vm", "--after", "0"
    )
    number = str(made["id"])
    assert made["secret"].startswith("whsec_")
    failing = eventually(lambda: do("webhook", "show", number)["failure"], "a delivery")
    assert "webhooks reach no loopback" in failing
    out = inn("webhook", "show", number).out
    assert "failing" in out and "webhooks reach no loopback" in out
    assert [each["name"] for each in do("webhook", "list")] == ["alerts"]
    do("webhook", "disable", number)
    assert do("webhook", "show", number)["enabled"] is False
    assert "disabled" in inn("webhook", "list").out
    do("webhook", "enable", number)
    do("webhook", "delete", number)
    assert inn("webhook", "show", number).code == 3


def test_the_doctor_finds_nothing_wrong(cloud: None, do: Do) -> None:
    assert do("doctor") == {"ok": True, "findings": []}


def test_the_doctor_tells_of_vms_that_find_no_host(cloud: None, do: Do, inn: Inn) -> None:
    number = str(do("vm", "create", "--name", "huge", "--cpu", "900", "--memory", "64")["ID"])

    def findings() -> list[dict[str, str]]:
        return list(json.loads(inn("doctor", "--json").out)["findings"])

    [found] = eventually(findings, "a finding")
    assert found["severity"] == "warning" and found["object"] == f"vm {number}"
    assert "huge waits for a host" in found["what"] and "CPU" in found["what"]
    assert found["advice"] == f"inn why {number}"
    do("vm", "terminate", number, "--hard")
    eventually(lambda: not findings(), "the end of the finding")


def test_all_is_there_again_after_a_restart(cloud: None, daemon: Daemon, do: Do) -> None:
    number = str(do("template", "instantiate", "small", "--name", "lasting")["ID"])
    before = do("vm", "wait", number)
    daemon.restart()
    after = do("vm", "show", "lasting")
    assert (after["ID"], after["STIME"]) == (before["ID"], before["STIME"])
    assert after["TEMPLATE"]["NIC"] == before["TEMPLATE"]["NIC"]
    do("vm", "terminate", number, "--hard")
    do("vm", "wait", number, "--state", "done")


def test_ports_of_the_front_end_lead_to_a_vm(cloud: None, daemon: Daemon, do: Do, inn: Inn) -> None:
    number = str(do("template", "instantiate", "small", "--name", "private")["ID"])
    do("vm", "wait", number)
    made = do("vm", "redirect", "add", "private", "--to-port", "22", "--for", "30m", "-l", "debian")
    assert made["line"] == f"ssh -p {made['port']} debian@127.0.0.1"
    # A simulated guest has nothing behind the port: who comes is sent away, at once.
    with socket.create_connection(("127.0.0.1", made["port"]), 10) as come:
        assert come.recv(1) == b""
    web = inn("vm", "redirect", "add", "private", "--to-port", "80")
    assert web.out.startswith("http://127.0.0.1:2") and "until" in web.err
    daemon.restart()
    listed = do("vm", "redirect", "list", "private")
    assert [(each["id"], each["to"], each["state"]) for each in listed] == [
        (made["id"], 22, "open"), (made["id"] + 1, 80, "open"),
    ]  # fmt: skip
    socket.create_connection(("127.0.0.1", made["port"]), 10).close()
    do("vm", "redirect", "delete", "private", str(made["id"]))
    assert inn("vm", "redirect", "list", "private").out.splitlines()[1].split()[2] == "80"
    for wrong, code, said in (
        (("--to-port", "22", "--for", "9d"), 1, "seconds must be from 1 to 604800, not 777600"),
        (("--to-port", "22", "--for", "soon"), 2, "--for: expected a time like 90s"),
        (("--to-port", "22", "--listen", "0.0.0.0"), 1, "address must be one of 127.0.0.1"),
        (("--to-port", "22", "--listen", "127.0.0.1:80"), 1, "port must be from 20000 to 24999"),
        (("--to-port", "22", "--listen", "a b"), 1, "address must be one of 127.0.0.1"),
        (("--to-port", "22", "--nic", "5"), 1, "has no NIC 5 (it has: 0)"),
        (("--to-port", "0"), 2, "0 is not in the range"),
    ):
        refused = inn("vm", "redirect", "add", "private", *wrong)
        assert (refused.code, said in refused.err) == (code, True), refused.err
    assert inn("vm", "redirect", "delete", "private", "999").code == 3
    do("vm", "terminate", number, "--hard")
    do("vm", "wait", number, "--state", "done")
    assert do("vm", "redirect", "list", number) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", made["port"]), 10)


def test_a_taken_port_is_passed_over_or_refused(
    cloud: None, do: Do, inn: Inn, daemon: Daemon
) -> None:
    number = str(do("template", "instantiate", "small", "--name", "crowded")["ID"])
    do("vm", "wait", number)
    free = do("vm", "redirect", "add", number, "--to-port", "1")["port"]
    do("vm", "redirect", "delete", number, str(do("vm", "redirect", "list", number)[0]["id"]))
    with socket.create_server(("127.0.0.1", free)):
        assert do("vm", "redirect", "add", number, "--to-port", "1")["port"] > free
        refused = inn("vm", "redirect", "add", number, "--to-port", "1", "--listen", f":{free}")
        assert refused.code == 1 and f"port {free} of 127.0.0.1 cannot be opened" in refused.err
    assert len(do("vm", "redirect", "list", number)) == 1
    do("vm", "terminate", number, "--hard")
    do("vm", "wait", number, "--state", "done")


def test_the_readmes_simulated_cloud(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    block = readme.partition("## Try it without a hypervisor\n\n```\n")[2].partition("```")[0]
    here = {"/tmp/cloud": f"{tmp_path}/cloud", ":2633": ":0",
            ".venv/bin/inn": f"{sys.executable} -m innkeeper.cli.main"}  # fmt: skip
    for written, instead in here.items():
        assert written in block
        block = block.replace(written, instead)
    begins, _, then = block.partition("&\n")
    up = 'until [ -e "$INN_DATA/run/endpoint" ]; do sleep 0.05; done'
    script = f"{begins}&\n{up}\n{then}\nkill $!; wait $!"
    bare = {name: value for name, value in os.environ.items() if not name.startswith("INN_")}
    done = subprocess.run(
        ["bash", "-e", "-c", script], env=bare, timeout=PATIENCE, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "ID: 0\n"), done.stderr
