"""Commands in guests: what is told of them, that they run once, what the VM is free for meanwhile, what is refused."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from innkeeper.commands import executing, vms
from innkeeper.lifecycle.machine import phase
from innkeeper.model.errors import Refusal
from innkeeper.model.objects import Vm
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction
from tests.commands.realm import ADMIN, VM, Realm, reply_to

ENDED = {"code": 1, "stdout": "aGVsbG8=", "stderr": "", "cut": False}


@pytest.fixture
def vm(realm: Realm) -> Vm:
    return realm.running(VM)


def execute(realm: Realm, vm: Vm, command: str = "uptime", stdin: str = "") -> None:
    realm.do(lambda tx: executing.execute(tx, ADMIN, vm.id, command, stdin))


def begun(realm: Realm, vm: Vm, **asked: str) -> float:
    """A command that goes on in the guest; since when."""
    execute(realm, vm, **asked)
    realm.answer(pid=77)
    return realm.world.vms[vm.id].executing


def said(realm: Realm, vm: Vm) -> dict[str, Any]:
    return realm.world.vms[vm.id].template.vector("QEMU_GA_EXEC") or {}


def told(realm: Realm, vm: Vm) -> tuple[str, str]:
    """The VM's phase, and the status of its command."""
    return phase(realm.world.vms[vm.id]), said(realm, vm).get("STATUS", "")


def test_what_came_of_a_command_is_in_the_template(realm: Realm, vm: Vm) -> None:
    execute(realm, vm, "cat; false", "hello")
    assert told(realm, vm) == ("HOTPLUG", "EXECUTING")
    asked = realm.answer(pid=77)
    assert asked.verb == "guest.start" and base64.b64decode(asked.args["stdin"]) == b"hello"
    assert told(realm, vm) == ("RUNNING", "EXECUTING") and said(realm, vm)["PID"] == "77"
    since = realm.world.vms[vm.id].executing
    assert since == realm.clock.now and executing.under_way(realm.world) == [vm.id]
    realm.do(lambda tx: executing.ended(tx, vm.id, since, ENDED))
    assert told(realm, vm) == ("RUNNING", "DONE") and executing.under_way(realm.world) == []
    assert said(realm, vm) == {
        "COMMAND": "cat; false", "STDIN": "hello", "PID": "77", "STATUS": "DONE", "RETURN_CODE": "1",
        "STDOUT": "aGVsbG8=", "STDERR": "",
    }  # fmt: skip
    realm.do(lambda tx: executing.retry(tx, ADMIN, vm.id))
    again = realm.answer(pid=78).args
    actions = [stay.action for stay in realm.world.vms[vm.id].history]
    assert actions == [VmAction.EXEC, VmAction.EXEC_RETRY, VmAction.NONE]
    assert again["command"] == "cat; false" and again["generation"] > asked.args["generation"]
    assert "RETURN_CODE" not in said(realm, vm)


def test_while_it_runs_the_vm_is_free_for_everything_else(realm: Realm, vm: Vm) -> None:
    since = begun(realm, vm)
    with pytest.raises(Refusal, match="is carrying out a command: wait, or cancel it"):
        execute(realm, vm)
    realm.do(lambda tx: vms.act(tx, ADMIN, "suspend", vm.id))
    realm.do(lambda tx: executing.ended(tx, vm.id, since, ENDED))
    assert said(realm, vm)["STATUS"] == "EXECUTING", "not while something else changes the VM"
    realm.finish()
    assert told(realm, vm) == ("SUSPENDED", "EXECUTING")
    assert not executing.to_ask(realm.world, realm.world.vms[vm.id])
    realm.do(lambda tx: vms.act(tx, ADMIN, "resume", vm.id))
    realm.finish()
    assert executing.to_ask(realm.world, realm.world.vms[vm.id])
    realm.do(lambda tx: executing.ended(tx, vm.id, since - 1, ENDED))
    assert said(realm, vm)["STATUS"] == "EXECUTING", "that was another one"
    realm.do(lambda tx: executing.lost(tx, vm.id, since, "it is gone"))
    assert told(realm, vm) == ("RUNNING", "ERROR")
    assert base64.b64decode(said(realm, vm)["STDERR"]) == b"it is gone"


def test_one_that_cannot_be_begun_says_why_and_is_withdrawn(realm: Realm, vm: Vm) -> None:
    execute(realm, vm)
    asked = realm.answer("refused")
    withdrawn = realm.asked[0]
    assert withdrawn.verb == "guest.kill"
    assert withdrawn.args["begun"] == asked.args["generation"] < withdrawn.args["generation"]
    realm.finish()
    assert told(realm, vm) == ("RUNNING", "ERROR")
    why = base64.b64decode(said(realm, vm)["STDERR"]).decode()
    assert why.startswith("start: ")
    assert why == realm.world.vms[vm.id].user_template.get("ERROR")
    assert realm.asked == [] and not realm.world.vms[vm.id].executing


@pytest.mark.parametrize(
    ("found", "status", "more"),
    [
        ({"state": "killed"}, "CANCELLED", {}),
        ({"state": "lost"}, "CANCELLED", {}),
        ({"state": "ended", **ENDED}, "DONE", {"RETURN_CODE": "1", "STDOUT": "aGVsbG8="}),
    ],
)
def test_one_that_is_cancelled(
    realm: Realm, vm: Vm, found: dict[str, Any], status: str, more: dict[str, str]
) -> None:
    begun(realm, vm)
    realm.do(lambda tx: executing.cancel(tx, ADMIN, vm.id))
    assert told(realm, vm) == ("HOTPLUG", "EXECUTING")
    asked = realm.asked.pop(0)
    realm.core.take(reply_to(asked, "", found))
    assert (asked.verb, asked.args["pid"]) == ("guest.kill", 77)
    assert told(realm, vm) == ("RUNNING", status) and said(realm, vm).items() >= more.items()
    assert realm.world.vms[vm.id].user_template.get("ERROR") is None
    assert realm.world.vms[vm.id].history[-2].action == VmAction.EXEC_CANCEL


def test_one_that_cannot_be_cancelled(realm: Realm, vm: Vm) -> None:
    begun(realm, vm)
    realm.do(lambda tx: executing.cancel(tx, ADMIN, vm.id))
    realm.answer("refused")
    assert told(realm, vm) == ("RUNNING", "ERROR")
    assert base64.b64decode(said(realm, vm)["STDERR"]).startswith(b"kill: ")


def test_one_that_takes_too_long_is_killed(realm: Realm, vm: Vm) -> None:
    since = begun(realm, vm)
    realm.do(lambda tx: executing.overdue(tx, vm.id, since, 5.0))
    realm.answer(state="killed")
    assert told(realm, vm) == ("RUNNING", "ERROR")
    assert base64.b64decode(said(realm, vm)["STDERR"]) == (
        b"it had not ended after 5 s, and was killed"
    )


def test_words_of_an_administrator_are_no_number(realm: Realm, vm: Vm) -> None:
    execute(realm, vm)
    realm.do(lambda tx: vms.recover(tx, ADMIN, vm.id, 1))
    assert told(realm, vm) == ("RUNNING", "ERROR") and not realm.world.vms[vm.id].executing


REFUSED: list[tuple[Callable[[Transaction, int], object], str]] = [
    (lambda tx, vm: executing.execute(tx, ADMIN, vm, " ", ""), "command is empty"),
    (lambda tx, vm: executing.execute(tx, ADMIN, vm, "a\0b", ""), "NUL characters"),
    (lambda tx, vm: executing.execute(tx, ADMIN, vm, "x" * 65537, ""), "65537 characters"),
    (lambda tx, vm: executing.retry(tx, ADMIN, vm), "no command that could be"),
    (lambda tx, vm: executing.cancel(tx, ADMIN, vm), "is not carrying out a command"),
]


@pytest.mark.parametrize(("ask", "said"), REFUSED)
def test_refusals(
    realm: Realm, vm: Vm, ask: Callable[[Transaction, int], object], said: str
) -> None:
    with pytest.raises(Refusal, match=said):
        realm.do(lambda tx: ask(tx, vm.id))


def test_a_guest_that_is_off_or_busy_takes_none(realm: Realm, vm: Vm) -> None:
    execute(realm, vm)
    for ask in (executing.retry, executing.cancel):
        with pytest.raises(Refusal, match="not available for state HOTPLUG"):
            realm.do(lambda tx, ask=ask: ask(tx, ADMIN, vm.id))  # type: ignore[misc]
    realm.answer(pid=77)
    realm.do(lambda tx: vms.act(tx, ADMIN, "poweroff-hard", vm.id))
    realm.finish()
    with pytest.raises(Refusal, match="not available for state POWEROFF"):
        execute(realm, vm)
