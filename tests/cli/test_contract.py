"""What the commands ask for is what the server has, and the other way round.

Each verb of each kind of object is run once against a front end that only takes notes; what it was asked for is
then compared with the tables of the real server.
"""

from __future__ import annotations

import re

import msgspec
import pytest

from innkeeper.api.v1.rest.bodies import decoded
from innkeeper.api.v1.rest.documents import REPORTS
from innkeeper.api.v1.rest.listing import asked as checked
from innkeeper.api.v1.rest.resources import RESOURCES
from innkeeper.api.v1.rest.table import Action, Resource
from innkeeper.cli.client import Client, Endpoint
from innkeeper.cli.objects import KINDS

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
    "zone raft-status 1",
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

#: Actions without a command, and why.
UNREACHED = {
    ("vms", "execute"): "for programs that look for the end themselves; `inn vm exec` waits for it",
    ("vms", "delete"): "`inn vm terminate` does it",
}


def every_line() -> list[str]:
    generic = [
        f"{kind.name} {verb} {GENERIC[verb]} {MORE.get((kind.name, verb), '')}"
        for kind in KINDS.values()
        for verb in kind.verbs
    ]
    return [*generic, *SPECIAL, *(line for line, _, _ in SENT)]  # fmt: skip


@pytest.fixture
def asked(canned: CannedFrontEnd, inn: Inn) -> CannedFrontEnd:
    """A front end that has been asked for all that every verb asks for."""
    for kind in KINDS.values():
        path = kind.of(Client(Endpoint.parse(canned.endpoint), "a:b", 1)).path
        object_document = f"<{kind.element}><ID>1</ID><NAME>x</NAME></{kind.element}>"
        canned.documents[f"{path}/N"] = object_document
        canned.documents[path] = f"<POOL>{object_document}</POOL>"
    canned.documents |= {
        **{path.strip("/").format(id="N"): "<REPORT/>" for path, _ in REPORTS.values()},
        "hosts": documents.HOST_POOL,
        "images": documents.IMAGE_POOL,
        "users": documents.USER_POOL,
        "datastores": documents.DATASTORE_POOL,
    }
    canned.pages["/api/v1/version"] = {"opennebula": "7.0.0"}
    for line in every_line():
        before = len(canned.calls), len(canned.sent)
        outcome = inn(*line.split())
        assert "internal error" not in outcome.err and outcome.code != 2, (line, outcome.err)
        quiet = line in QUIET or (len(canned.calls), len(canned.sent)) > before
        assert quiet, f"{line!r} asked for nothing"
    return canned


#: What needs no front end.
QUIET = {"showback calculate -s 11/2026"}


def test_every_verb_is_run() -> None:
    run = {tuple(line.split()[:2]) for line in every_line()}
    assert {line for line in LINES if len(line) == 2} - run == PAGES


def test_requests_are_those_that_the_front_end_takes(asked: CannedFrontEnd) -> None:
    """Each is of a type of the table, where the front end's own check finds nothing wrong."""
    for what, said in asked.sent:
        if what.startswith("PUT quotas/"):
            continue
        resource, action = found(what)
        if action is None:
            decoded(msgspec.json.encode(said), resource.patch)
        elif action is resource.delete:
            checked({field.name: field.kind for field in action.fields}, list(said.items()))
        else:
            decoded(msgspec.json.encode(said), resource.requests[action.name])
            action.call.arguments(said)


def found(what: str) -> tuple[Resource, Action | None]:
    """The resource and the action of a request (none: PATCH)."""
    verb, _, path = what.partition(" ")
    name, _, rest = path.partition("/")
    [resource] = [each for each in RESOURCES if each.path == name]
    if verb == "PATCH":
        return resource, None
    named = rest.partition("/actions/")[2]
    action = (
        resource.action(named)
        if named
        else resource.delete
        if verb == "DELETE"
        else resource.create
    )
    assert action is not None, what
    return resource, action


def test_every_action_has_a_command(asked: CannedFrontEnd) -> None:
    done = {(each[0].path, each[1].name) for what, _ in asked.sent if not what.startswith("PUT")
            if (each := found(what))[1]}  # fmt: skip
    there = {(resource.path, action.name) for resource in RESOURCES if resource.path not in ("webhooks", "operations")
             for action in (*resource.actions, *[a for a in (resource.create, resource.delete) if a])}  # fmt: skip
    assert there - done == set(UNREACHED)


def test_every_report_has_a_command(asked: CannedFrontEnd) -> None:
    paths = {re.sub(r"\b\d+", "{id}", path.removeprefix("/api/v1")) for path, _ in asked.calls}
    assert {path for path, _ in REPORTS.values()} <= paths
