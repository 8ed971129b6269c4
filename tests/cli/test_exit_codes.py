"""Every way to fail has its exit code, one line on standard error, and no traceback."""

import getpass
import socket
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

from innkeeper.cli import main as main_module

from .conftest import CannedFrontEnd, Inn, Outcome


def assert_one_line(outcome: Outcome, code: int, *words: str) -> None:
    assert outcome.code == code
    assert outcome.out == ""
    assert outcome.err.startswith("inn: ") and outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


@pytest.mark.parametrize(
    ("status", "exit_code"), [(401, 4), (403, 4), (404, 3), (409, 1), (422, 1), (503, 5)]
)
def test_refusals(canned: CannedFrontEnd, inn: Inn, status: int, exit_code: int) -> None:
    canned.refuse("vms", status, "It is not\nto be.")
    assert_one_line(inn("vm", "list"), exit_code, "It is not to be.")


@pytest.mark.parametrize(
    "line",
    [
        "vm list --nonsense",
        "vm nonsense",
        "nonsense",
        "vm show",
        "vm rename 1",
        "vm deploy 1",
        "vm create",
        "network update-range 1 0",
        "network update-range 1 0 --set novalue",
        "vm wait 1 --timeout x",
        "vm wait 1 --state nowhere",
        "vm create --memory lots --name x",
        "vm create --disk debian:size --name x",
        "vm create --context novalue --name x",
        "vm create --vnc --spice --name x",
        "vm create --set novalue",
        "vm create /nowhere/file",
        "vm list --endpoint nowhere",
        "completion tcsh",
        "image download 7 /nowhere/file",
    ],
)
def test_wrong_usage(canned: CannedFrontEnd, inn: Inn, line: str) -> None:
    canned.documents |= {"vms/N": "<VM/>"}
    assert_one_line(inn(*line.split()), 2)


def test_a_near_miss_gets_a_hint(inn: Inn) -> None:
    assert_one_line(inn("vm", "lst"), 2, "did you mean list")
    assert_one_line(inn("hots", "list"), 2, "did you mean host")


@pytest.mark.parametrize("line", ["vm", "vm redirect", "host", "webhook"])
def test_a_group_alone_shows_its_help_as_it_is(inn: Inn, line: str) -> None:
    outcome = inn(*line.split())
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == inn(*line.split(), "--help").out


@pytest.mark.parametrize(
    ("line", "meant"),
    [("vm delete", "terminate"), ("vm start", "resume"), ("vm shutdown", "poweroff"),
     ("vm snapshot", "snapshot-create"), ("image remove", "delete"), ("host info", "show")],
)  # fmt: skip
def test_the_words_of_other_systems_get_a_hint(inn: Inn, line: str, meant: str) -> None:
    assert_one_line(inn(*line.split(), "1"), 2, f"did you mean {meant}?")


@pytest.mark.parametrize(
    ("line", "said"),
    [("vm create --cpu much --name x", "'much' is not a number"),
     ("vm create --vcpu 1.5 --name x", "'1.5' is not a whole number"),
     ("vm list --timeout soon", "'soon' is not a number"),
     ("vm list --timeout 0", "0.0 is not in the range x>0"),
     ("vm disk-detach 3 first", "'first' is not a whole number")],
)  # fmt: skip
def test_a_number_that_is_none(inn: Inn, line: str, said: str) -> None:
    assert_one_line(inn(*line.split()), 2, said)


def test_a_refusal_that_names_the_object_is_not_told_it_twice(
    canned: CannedFrontEnd, inn: Inn
) -> None:
    canned.refuse("POST vms/3/actions/detach-nic", 409, "VM 3 has no NIC 4 (it has: 0).")
    assert inn("vm", "nic-detach", "3", "4").err == "inn: VM 3 has no NIC 4 (it has: 0).\n"
    canned.refuse("POST vms/3/actions/detach-nic", 409, "It is locked.")
    assert inn("vm", "nic-detach", "3", "4").err == "inn: VM 3: It is locked.\n"


def test_what_was_made_before_a_refusal_is_told(canned: CannedFrontEnd, inn: Inn) -> None:
    """Else nobody would know of it."""

    def make(said: dict[str, Any]) -> int:
        if 'NAME="n-1"' in said["template"]:
            canned.refuse("POST vms", 409, "It is in use.")
        return 42 + len(canned.sent)

    canned.results["POST vms"] = make
    outcome = inn("vm", "create", "--name", "n", "--count", "3", "--cpu", "1", "--memory", "64")
    assert (outcome.code, outcome.out) == (1, "ID: 43\nID: 44\n")
    assert outcome.err == "inn: It is in use.\n"
    del canned.refusals["POST vms"]
    outcome = inn(
        "vm", "create", "--name", "n", "--count", "3", "--cpu", "1", "--memory", "64", "--json"
    )
    assert (outcome.code, len(outcome.data)) == (1, 2)


def test_no_terminal_to_ask_for_a_password_on(
    canned: CannedFrontEnd, inn: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(prompt: str = "", stream: object = None) -> str:
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        return "typed for all to see"

    monkeypatch.setattr("getpass.getpass", nowhere)
    outcome = inn("vm", "list", "--user", "ann")
    assert_one_line(outcome, 2, "a password is needed", "--password", "INN_AUTH")
    assert not canned.calls


def test_nobody_listens(inn: Inn) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        endpoint = f"http://127.0.0.1:{port}"
        assert_one_line(
            inn("vm", "list", "--endpoint", endpoint), 5, endpoint, "`inn up`", "INN_ENDPOINT"
        )


def test_nobody_answers(inn: Inn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        outcome = inn("vm", "list", "--endpoint", endpoint, "--timeout", "0.2")
        assert_one_line(outcome, 6, "within 0.2 s")


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        b"",
    ],
)
def test_something_else_answers(inn: Inn, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        outcome = inn("vm", "list", "--endpoint", endpoint)
        thread.join()
    assert_one_line(outcome, 5)


def test_a_page_that_is_not_there(canned: CannedFrontEnd, inn: Inn) -> None:
    assert_one_line(inn("why", "3"), 3, "no such page")


def test_no_credentials(
    canned: CannedFrontEnd, inn: Inn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("innkeeper.cli.session.SYSTEM_DATA", tmp_path / "none")
    assert_one_line(inn("vm", "list"), 4, "no credentials", "INN_AUTH")


def test_a_mistake_of_ours_is_one_line_too(inn: Inn, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(main_module, "build", broken)
    assert_one_line(inn("vm", "list"), 1, "internal error", "INN_DEBUG")
    monkeypatch.setenv("INN_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        inn("vm", "list")


def test_an_interrupt_is_no_traceback(inn: Inn, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module, "build", interrupted)
    assert_one_line(inn("vm", "list"), 130, "interrupted")
