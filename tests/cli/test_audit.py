"""`inn audit verify` finds whatever was done to the log; `inn audit list` tells who asked for what."""

import contextlib
import copy
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from innkeeper.cli.audit import check
from innkeeper.commands import audit

from .conftest import Inn
from .test_against_daemon import Daemon

Rows = list[dict[str, Any]]


@pytest.fixture
def rows() -> Rows:
    """Five lines as the front end writes them."""
    trail = audit.Trail()
    call = audit.Call("xmlrpc", "192.0.2.1:1", "one.vm.action", False)
    made = [trail.done(call, float(n), n, [f"vm {n}"]) for n in range(5)]
    return [{"seq": row.seq, "body": row.body, "link": row.link} for row in made]


def test_a_log_that_nobody_touched_is_whole(rows: Rows) -> None:
    assert check(rows) == (None, 5, f"5:{rows[-1]['link']}")
    assert check([]) == (None, 0, f"0:{'0' * 64}")


@pytest.mark.parametrize("number", range(5))
def test_each_changed_line_is_found_and_named(rows: Rows, number: int) -> None:
    changed = copy.deepcopy(rows)
    changed[number]["body"] = changed[number]["body"].replace("one.vm.action", "one.vm.info")
    wrong, count, _ = check(changed)
    assert wrong == f"line {number + 1} is not what was written, or does not follow line {number}"
    assert count == number


@pytest.mark.parametrize("number", range(1, 4))
def test_a_line_that_was_taken_out_is_missed(rows: Rows, number: int) -> None:
    wrong, _, _ = check(rows[:number] + rows[number + 1 :])
    assert wrong == f"line {number + 1} is missing: line {number + 2} follows {number}"


def test_a_log_without_its_beginning_is_not_whole(rows: Rows) -> None:
    assert check(rows[2:])[0] == "it begins with line 3: what was before is missing"


def test_a_log_made_anew_or_cut_short_is_found_by_what_was_noted(rows: Rows) -> None:
    trail = audit.Trail()
    call = audit.Call("xmlrpc", "192.0.2.1:1", "one.vm.info", False)
    made = [trail.done(call, float(n), n, ()) for n in range(5)]
    anew = [{"seq": row.seq, "body": row.body, "link": row.link} for row in made]
    noted = 4, rows[3]["link"]
    assert check(rows, noted)[0] is None
    assert check(anew)[0] is None
    assert check(anew, noted)[0] == "line 4 has another hash than was noted"
    assert check(rows[:3], noted)[0] == "line 4 is missing: the last one is 3"


@pytest.fixture
def daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_environment: None
) -> Iterator[Daemon]:
    """A front end of one's own."""
    running = Daemon(tmp_path / "data")
    monkeypatch.setenv("INN_DATA", str(running.data))
    yield running
    running.stop()


def test_a_front_end_tells_who_did_what_and_a_changed_line_is_found(
    daemon: Daemon, inn: Inn
) -> None:
    assert inn("user", "create", "ann", "hidden-password").code == 0
    assert inn("--user", "ann", "--password", "hidden-password", "host", "create", "h").code == 4
    assert inn("--user", "ann", "--password", "wrong", "vm", "list").code == 4
    told = inn("audit", "list", "--json").data[-3:]
    assert [(line.get("user"), line["what"], line["result"]) for line in told] == [
        ("oneadmin", "POST /api/v1/users", "done"),
        ("ann", "POST /api/v1/hosts", "AUTHORIZATION"),
        (None, "GET /api/v1/vms", "AUTHENTICATION"),
    ]
    assert told[0]["changed"] == ["user 2"] and told[2]["claims"] == "ann"
    assert "hidden-password" not in inn("audit", "export").out
    whole = inn("audit", "verify")
    assert whole.code == 0 and "as they were written" in whole.out

    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.data / "db" / "innkeeper.db")) as db, db:
        db.execute("UPDATE audit SET body = replace(body, '/users', '/hosts')")
    daemon._start()
    tampered = inn("audit", "verify")
    assert tampered.code == 1
    assert f"NOT whole: line {told[0]['seq']} is not what was written" in tampered.out
