"""Commands in guests: what is told of them, that they run once, and what is refused."""

import base64
from collections.abc import Callable

import pytest

from innkeeper.commands import executing, vms
from innkeeper.lifecycle.machine import phase
from innkeeper.model.errors import Refusal
from innkeeper.model.objects import Vm
from innkeeper.model.world import Transaction
from tests.commands.realm import ADMIN, VM, Realm, reply_to


@pytest.fixture
def vm(realm: Realm) -> Vm:
    return realm.running(VM)


def execute(realm: Realm, vm: Vm, command: str = "uptime", stdin: str = "") -> None:
    realm.do(lambda tx: executing.execute(tx, ADMIN, vm.id, command, stdin))


def ended(realm: Realm, code: int, stdout: str = "") -> None:
    """The host tells how the command ended."""
    result = {"code": code, "stdout": stdout, "stderr": "", "cut": False}
    realm.core.take(reply_to(realm.asked.pop(0), "", result))


def told(realm: Realm, vm: Vm) -> tuple[str, str, str]:
    """The VM's phase, and status and exit code of its command."""
    now = realm.world.vms[vm.id]
    said = now.template.vector("QEMU_GA_EXEC") or {}
    return phase(now), said.get("STATUS", ""), said.get("RETURN_CODE", "")


def test_what_came_of_a_command_is_in_the_template(realm: Realm, vm: Vm) -> None:
    execute(realm, vm, "cat; false", "hello")
    assert told(realm, vm) == ("HOTPLUG", "EXECUTING", "")
    asked = realm.asked[0]
    assert asked.verb == "guest.exec" and base64.b64decode(asked.args["stdin"]) == b"hello"
    ended(realm, 1, "aGVsbG8=")
    assert told(realm, vm) == ("RUNNING", "DONE", "1")
    said = realm.world.vms[vm.id].template.vector("QEMU_GA_EXEC") or {}
    assert (said["COMMAND"], said["STDIN"], said["STDOUT"]) == ("cat; false", "hello", "aGVsbG8=")
    realm.do(lambda tx: executing.retry(tx, ADMIN, vm.id))
    again = realm.asked[0].args
    assert again["command"] == "cat; false" and again["generation"] > asked.args["generation"]
    ended(realm, 0)
    assert told(realm, vm) == ("RUNNING", "DONE", "0")


def test_one_that_fails_says_why_and_is_not_tried_again(realm: Realm, vm: Vm) -> None:
    execute(realm, vm)
    realm.answer("timeout")
    assert told(realm, vm) == ("RUNNING", "ERROR", "")
    now = realm.world.vms[vm.id]
    said = base64.b64decode((now.template.vector("QEMU_GA_EXEC") or {})["STDERR"]).decode()
    assert said.startswith("run: ") and said == now.user_template.get("ERROR")
    assert realm.asked == []


def test_one_that_is_given_up(realm: Realm, vm: Vm) -> None:
    execute(realm, vm)
    realm.do(lambda tx: executing.cancel(tx, ADMIN, vm.id))
    assert told(realm, vm) == ("RUNNING", "CANCELLED", "")
    assert realm.world.vms[vm.id].user_template.get("ERROR") is None


REFUSED: list[tuple[Callable[[Transaction, int], object], str]] = [
    (lambda tx, vm: executing.execute(tx, ADMIN, vm, " ", ""), "command is empty"),
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
    with pytest.raises(Refusal, match="not available for state HOTPLUG"):
        execute(realm, vm)
    ended(realm, 0)
    realm.do(lambda tx: vms.act(tx, ADMIN, "poweroff-hard", vm.id))
    realm.finish()
    with pytest.raises(Refusal, match="not available for state POWEROFF"):
        execute(realm, vm)
