"""Hooks on methods are told of what is asked for, by whichever protocol, in the transaction that does it."""

import base64
import xml.etree.ElementTree as ET

from innkeeper.model.nouns import HookRun
from tests.api.v1.rest.conftest import ALICE, Door
from tests.api.v1.rest.test_resources import GUEST


def on(door: Door, *methods: str) -> None:
    for method in methods:
        door.post("/hooks", {"template": {
            "name": method, "type": "api", "call": method, "command": "x", "arguments": "$API",
        }})  # fmt: skip


def told(door: Door) -> list[tuple[str, list[str]]]:
    """The method of each execution, and the values that it was given."""
    found = []
    for run in sorted(door.world.table(HookRun), key=lambda run: run.id):
        document = ET.fromstring(base64.b64decode(run.payload))
        values = [value.text or "" for value in document.iterfind("PARAMETERS/PARAMETER/VALUE")]
        found.append((door.get(f"/hooks/{run.hook_id}")["name"], values))
    return found


def test_both_protocols_call_for_the_same(door: Door) -> None:
    on(door, "one.vm.allocate", "one.vm.action")
    text = "CPU=1\nMEMORY=64"
    first = door.do("one.vm.allocate", text, True)
    second = door.post("/vms", {"template": text, "hold": True})["id"]
    door.do("one.vm.action", "release", first)
    door.post(f"/vms/{second}/actions/release")
    created = [
        ("one.vm.allocate", ["****", text, "true", "true", str(vm), "0"]) for vm in (first, second)
    ]
    assert told(door)[:2] == created
    assert [name for name, _ in told(door)[2:]] == ["one.vm.action"] * 2


def test_each_change_of_a_patch_is_a_method(door: Door) -> None:
    on(door, "one.vm.rename", "one.vm.chmod", "one.vm.update")
    door.post("/vms", {"template": GUEST})
    door.ask("PATCH", "/vms/0", {"name": "other", "permissions": "640"})
    assert told(door) == [
        ("one.vm.rename", ["****", "0", "other", "true", "0", "0"]),
        ("one.vm.chmod", ["****", "0", "640", "true", "0", "0"]),
    ]


def test_what_is_refused_or_was_done_before_calls_for_nothing(door: Door) -> None:
    on(door, "one.vm.allocate")
    door.turned_down(422, "POST", "/vms", {"template": "CPU=x"})
    door.turned_down(
        403, "DELETE", "/vms/0" if door.post("/vms", {"template": GUEST}) else "", session=ALICE
    )
    assert len(told(door)) == 1
    for _ in range(3):
        door.ask("POST", "/vms", {"template": GUEST}, idempotency_key="once")
    assert len(told(door)) == 2


def test_secrets_are_masked(door: Door) -> None:
    on(door, "one.user.allocate", "one.user.passwd", "one.user.login")
    door.post("/users", {"name": "carl", "password": "hidden", "groups": [1]})
    door.post("/users/4/actions/passwd", {"password": "hidden"})
    door.post("/users/4/actions/login", {"token": "hidden"})
    assert [name for name, _ in told(door)] == [
        "one.user.allocate", "one.user.passwd", "one.user.login",
    ]  # fmt: skip
    assert not any(
        "hidden" in value or "hash" in value for _, values in told(door) for value in values
    )
