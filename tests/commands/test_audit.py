"""The audit log's lines: what they tell, and what they do not."""

import asyncio
import hashlib
import json
from typing import Any

from innkeeper.commands import audit, templates
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.permissions import Caller
from tests.commands.realm import ADMIN, Realm

ALICE = Caller(2, 100, "alice", (100,))


def call(**more: Any) -> audit.Call:
    """A call that changes something."""
    return audit.Call("xmlrpc", "192.0.2.1:4711", "one.vm.action", False, caller=ALICE, **more)


def lines(realm: Realm) -> list[dict[str, Any]]:
    """What is in the log."""
    return [json.loads(row.body) for row in realm.core.journal.audit(0, 1000)]


def test_a_change_that_was_asked_for_has_a_line_in_its_transaction(realm: Realm) -> None:
    before = realm.core.transactions
    with audit.answering(call(arguments=[("hold", True)])):
        number = asyncio.run(realm.core.run(lambda tx: templates.allocate(tx, ADMIN, "NAME=t")))
    (line,) = lines(realm)
    assert realm.core.transactions == before + 1
    assert line == {
        "seq": 1, "at": realm.clock.now, "user": "alice", "uid": 2, "admin": False, "via": "xmlrpc",
        "from": "192.0.2.1:4711", "what": "one.vm.action", "arguments": {"hold": True},
        "result": "done", "id": number, "changed": [f"template {number}"],
    }  # fmt: skip


def test_what_nobody_asked_for_has_none(realm: Realm) -> None:
    with audit.answering(call()):
        realm.core.transact(lambda tx: templates.allocate(tx, ADMIN, "NAME=placement"))
    asyncio.run(realm.core.run(lambda tx: templates.allocate(tx, ADMIN, "NAME=outside")))
    assert lines(realm) == []


def test_what_a_call_leaves_running_is_not_its_change(realm: Realm) -> None:
    async def story() -> None:
        go_on = asyncio.Event()

        async def later() -> None:
            await go_on.wait()
            await realm.core.run(lambda tx: templates.allocate(tx, ADMIN, "NAME=later"))

        with audit.answering(call()):
            left = asyncio.create_task(later())
            await asyncio.sleep(0)
        go_on.set()
        await left

    asyncio.run(story())
    assert lines(realm) == []


def test_secrets_and_long_texts_are_not_told(realm: Realm) -> None:
    template = 'NAME="x"\nPASSWORD="hidden"'
    told = [
        ("password", "hidden"),
        ("template", template),
        ("name", "vm"),
        ("ids", [1, 2]),
        ("text", "x" * 100),
    ]
    row = audit.Trail().done(call(arguments=told), 1.0, None, ())
    assert "hidden" not in row.body
    assert json.loads(row.body)["arguments"] == {
        "password": "***",
        "template": {"characters": 26, "sha256": hashlib.sha256(template.encode()).hexdigest()},
        "name": "vm",
        "ids": "[1, 2]",
        "text": {"characters": 100, "sha256": hashlib.sha256(b"x" * 100).hexdigest()},
    }


def test_refusals_of_what_only_looks_are_told_when_they_are_about_rights(realm: Realm) -> None:
    looks = audit.Call("rest", "192.0.2.1:1", "GET /api/v1/vms/7", True, name="mallory")
    with audit.answering(looks):
        realm.core.refused(Refusal(Code.NO_EXISTS, "there is none"))
        realm.core.refused(Refusal(Code.AUTHENTICATION, "who?"))
    (line,) = lines(realm)
    assert (line["claims"], line["result"], line["why"]) == ("mallory", "AUTHENTICATION", "who?")


def test_a_flood_of_refused_logins_is_counted_not_told(realm: Realm) -> None:
    with audit.answering(call()):
        for _ in range(audit.REFUSED_LOGINS + 25):
            realm.core.refused(Refusal(Code.AUTHENTICATION, "no"))
        realm.clock.now += 1
        realm.core.refused(Refusal(Code.AUTHENTICATION, "no"))
    told = lines(realm)
    assert len(told) == audit.REFUSED_LOGINS + 1
    assert [line.get("refused_logins_left_out", 0) for line in told[-2:]] == [0, 25]


def test_lines_are_chained_and_numbered_without_gaps(realm: Realm) -> None:
    trail = audit.Trail()
    rows = [trail.done(call(), float(n), n, ()) for n in range(3)]
    before = "0" * 64
    for number, row in enumerate(rows, 1):
        assert row.seq == json.loads(row.body)["seq"] == number
        assert row.link == hashlib.sha256(f"{before}\n{row.body}".encode()).hexdigest()
        before = row.link
