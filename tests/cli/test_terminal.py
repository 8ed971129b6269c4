"""What a person at a terminal sees: colours, lines that fit, a clock while waiting."""

import os
import pty
import re
import subprocess
import sys

from . import documents
from .conftest import CannedFrontEnd

ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def on_a_terminal(*arguments: str, columns: int = 120, **environment: str) -> str:
    """Run `inn` at a pseudo terminal; all that it shows there."""
    ours, theirs = pty.openpty()
    settings = os.environ | {"COLUMNS": str(columns), "LINES": "24", "TERM": "xterm"} | environment
    line = [sys.executable, "-m", "innkeeper.cli.main", *arguments]
    with subprocess.Popen(
        line, stdin=theirs, stdout=theirs, stderr=theirs, env=settings
    ) as process:
        os.close(theirs)
        shown = read_all(ours)
        process.wait(timeout=60)
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def read_all(terminal: int) -> bytes:
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other end was closed
            return shown
        if not piece:
            return shown
        shown += piece


def test_states_have_colours_and_titles_stand_out(canned: CannedFrontEnd) -> None:
    canned.documents |= {"vms": documents.VM_POOL, "hosts": documents.HOST_POOL}
    shown = on_a_terminal("vm", "list")
    assert "\x1b[32mrunn" in shown and "\x1b[33mpend" in shown
    assert shown.startswith("\x1b[1m")
    assert "\x1b[31merr" in on_a_terminal("host", "list")


def test_no_colour_where_it_is_not_wanted(canned: CannedFrontEnd) -> None:
    canned.documents["vms"] = documents.VM_POOL
    assert "\x1b" not in on_a_terminal("vm", "list", NO_COLOR="1")
    assert "\x1b" not in on_a_terminal("vm", "show", "nobody", NO_COLOR="1")


def test_lines_fit_the_terminal_and_say_where_they_were_cut(canned: CannedFrontEnd) -> None:
    canned.documents["vms"] = documents.VM_POOL
    lines = ESCAPES.sub("", on_a_terminal("vm", "list", columns=85)).splitlines()
    assert max(map(len, lines)) <= 85
    assert "*waiting-for" in lines[2] and ".. " in lines[2]
    assert "waiting-for-a-very-long-time" in on_a_terminal("vm", "list", columns=200)


def test_json_at_a_terminal_is_indented(canned: CannedFrontEnd) -> None:
    canned.documents["vms/N"] = documents.VM_3_FULL
    assert '\n  "NAME": "web",\n' in on_a_terminal("vm", "show", "3", "--json")


def test_waiting_shows_a_clock(canned: CannedFrontEnd) -> None:
    states = iter([1, 1, 3])
    canned.documents["vms/N"] = lambda *_: documents.VM_3_FULL.replace(
        "<STATE>3", f"<STATE>{next(states)}"
    )
    shown = on_a_terminal("vm", "wait", "3")
    assert "\rweb: PENDING 0 s\x1b[K" in shown and "\rweb: RUNNING" in shown


def test_a_password_is_asked_for_and_not_shown(canned: CannedFrontEnd) -> None:
    ours, theirs = pty.openpty()
    canned.documents["clusters"] = "<CLUSTER_POOL/>"
    line = [sys.executable, "-m", "innkeeper.cli.main", "--user", "cid", "cluster", "list"]
    with subprocess.Popen(
        line, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = b""
        while b"Password" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, b"hush\n")
        shown += read_all(ours)
        assert process.wait(timeout=60) == 0
    os.close(ours)
    assert canned.secret == "cid:hush"
    assert b"hush" not in shown
