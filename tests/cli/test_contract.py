"""What the commands ask for is what the server has, and the other way round.

Each verb of each kind of object is run once against a front end that only takes notes; what it was asked for is
then compared with the tables of the real server.
"""

from __future__ import annotations

from typing import Any

import pytest

from innkeeper.api.xmlrpc.nouns import METHODS
from innkeeper.cli.objects import KINDS
from innkeeper.lifecycle.actions import ACTIONS
from tests.api.xmlrpc.refusals import REFUSED

from . import documents
from .conftest import CannedFrontEnd, Inn
from .test_verbs import SENT
from .test_whole import LINES

#: What each generic verb is run with.
GENERIC = {
    "list": "", "show": "1", "delete": "1", "update": "1 --set A=b", "rename": "1 other",
    "chmod": "1 640", "chown": "1 2", "chgrp": "1 2", "lock": "1", "unlock": "1",
    "create": "--name x",
}  # fmt: skip

#: What some kinds need besides.
MORE = {("marketapp", "create"): "--market 1"}

SPECIAL = (
    "vm create --name x",
    "vm wait 1 --timeout 0",
    "vm monitoring",
    "vm snapshot-list 1",
    "vm disk-snapshot-list 1",
    "vm disk-snapshot-list 1 0",
    "vm monitoring 1",
    "hook log",
    "vm save 1 golden",
    "accounting",
    "showback list",
    "showback calculate -s 11/2026",
    "vm ssh 1 --print",
    "vm sched-add 1 poweroff --time +60",
    "vm sched-update 1 2 --time +90",
    "vm sched-delete 1 2",
    "vm sched-list 1",
    "host wait 1 --timeout 0",
    "host flush 1",
    "host monitoring",
    "host monitoring 1",
    "image create --name x",
    "image wait 1 --timeout 0",
    "image restore 1",
    "network create --name x",
    "secgroup create --name x",
    "datastore create --name x",
    "template create --name x",
    "template instantiate 1",
    "user login --print",
    "user passwd ann secret",
    "acl create @100 IMAGE/* CREATE",
    "acl delete 1",
    "vdc create x",
    "user quota 1",
    "user defaultquota",
    "group defaultquota",
    "group create x",
    "config",
    "version",
)

#: Verbs that ask for pages and web sockets instead of methods (`test_watching.py`, `test_console.py`,
#: `test_screens.py`, `test_transfers.py`, `test_against_daemon.py`, `test_profiles.py`).
PAGES = {
    *(
        ("vm", verb)
        for verb in ("console", "exec", "log", "redirect", "screenshot", "story", "vnc", "why")
    ),
    ("acl", "why"),
    *(("webhook", verb) for verb in ("create", "delete", "disable", "enable", "list", "show")),
    *(("audit", verb) for verb in ("export", "list", "verify")),
    *(("operation", verb) for verb in ("cancel", "list", "show", "wait")),
    *(("image", verb) for verb in ("download", "upload", "verify")),
    *(("host", verb) for verb in ("drift", "profile-set", "profile-show", "repair")),
    *(("cluster", verb) for verb in ("profile-set", "profile-show")),
}

#: Methods without a command, and why.
UNREACHED = {
    "one.vmpool.infoextended": "for programs that want all of every VM; `inn vm show 1..9` does it",
    **dict.fromkeys(
        (
            name
            for name in REFUSED
            if name.endswith(("db", "replicate", "voterequest", "sql", "sqlquery"))
        ),
        "OpenNebula's servers and tools say this to each other; it is always refused",
    ),
    **dict.fromkeys(
        (name for name in REFUSED if name.startswith(("one.cluster.", "one.image.", "one.vm."))),
        "it is always refused in this release",
    ),
    "one.vm.exec": "for programs that look for the end themselves; `inn vm exec` waits for it",
    "one.vmpool.infoset": "for programs that hold a list of numbers; `inn vm show 1,2,3` does it",
}


def every_line() -> list[str]:
    generic = [
        f"{kind.name} {verb} {GENERIC[verb]} {MORE.get((kind.name, verb), '')}"
        for kind in KINDS.values()
        for verb in kind.verbs
    ]
    return [*generic, *SPECIAL, *(line for line, _, _ in SENT)]  # fmt: skip


@pytest.fixture
def asked(canned: CannedFrontEnd, inn: Inn) -> list[tuple[str, tuple[Any, ...]]]:
    """All calls that running every verb makes: method and arguments."""
    for kind in KINDS.values():
        object_document = f"<{kind.element}><ID>1</ID><NAME>x</NAME></{kind.element}>"
        canned.methods[f"{kind.api}.info"] = object_document
        canned.methods[f"{kind.pool}.info"] = f"<POOL>{object_document}</POOL>"
    canned.methods |= {
        "hostpool.info": documents.HOST_POOL,
        "imagepool.info": documents.IMAGE_POOL,
        "userpool.info": documents.USER_POOL,
        "datastorepool.info": documents.DATASTORE_POOL,
    }
    for line in every_line():
        before = len(canned.calls)
        outcome = inn(*line.split())
        assert "internal error" not in outcome.err and outcome.code != 2, (line, outcome.err)
        assert len(canned.calls) > before, f"{line!r} asked for nothing"
    return [(f"one.{call[0]}", call[1:]) for call in canned.calls]


def test_every_verb_is_run() -> None:
    run = {tuple(line.split()[:2]) for line in every_line()}
    assert {line for line in LINES if len(line) == 2} - run == PAGES


def test_commands_ask_for_methods_that_the_server_has(
    asked: list[tuple[str, tuple[Any, ...]]],
) -> None:
    assert {method for method, _ in asked} - set(METHODS) == set()


def test_commands_give_the_arguments_that_the_server_takes(
    asked: list[tuple[str, tuple[Any, ...]]],
) -> None:
    for method, arguments in asked:
        METHODS[method].arguments(arguments)  # raises where one is of another type, or missing
        assert len(arguments) <= len(METHODS[method].params), (method, arguments)


def test_every_method_of_the_server_has_a_command(
    asked: list[tuple[str, tuple[Any, ...]]],
) -> None:
    assert set(METHODS) - {method for method, _ in asked} == set(UNREACHED)


def test_actions_are_those_of_the_life_cycle(asked: list[tuple[str, tuple[Any, ...]]]) -> None:
    assert {arguments[0] for method, arguments in asked if method == "one.vm.action"} == set(
        ACTIONS
    )
