"""Hooks: what calls for an execution, what is recorded, and what is kept."""

import base64
from typing import Any

from innkeeper.commands import hooks, hosts, images, vms
from innkeeper.lifecycle.messages import HostDown
from innkeeper.model.errors import Code
from innkeeper.model.nouns import Hook, HookRun
from innkeeper.model.objects import Record
from tests.commands.realm import ADMIN, ALICE, VM, Realm

CALLS = frozenset({"one.vm.allocate"})


def render(record: Record) -> str:
    return f"{record.KIND} {record.id}"


def watched(realm: Realm) -> Realm:
    realm.core.watchers.append(lambda tx: hooks.notice(tx, render))
    return realm


def hook(realm: Realm, rest: str = "RESOURCE=VM\nON=RUNNING", kind: str = "state") -> int:
    text = f"NAME=h\nTYPE={kind}\nCOMMAND=x\nARGUMENTS=$TEMPLATE\n{rest}"
    return realm.do(lambda tx: hooks.allocate(tx, ADMIN, text, CALLS))


def runs(realm: Realm) -> list[HookRun]:
    return list(realm.world.table(HookRun))


def told(realm: Realm) -> list[str]:
    return [base64.b64decode(run.payload).decode() for run in runs(realm)]


def test_a_state_is_noticed_when_it_is_entered_and_once(realm: Realm) -> None:
    hook(watched(realm))
    vm = realm.running()
    assert told(realm) == [f"vm {vm.id}"]
    realm.do(lambda tx: vms.rename(tx, ADMIN, vm.id, "other"))
    assert len(runs(realm)) == 1
    for action in ("poweroff-hard", "resume"):
        realm.do(lambda tx, a=action: vms.act(tx, ADMIN, a, vm.id))
        realm.finish()
    assert len(runs(realm)) == 2


def test_hosts_and_networks_and_images_have_states_too(realm: Realm) -> None:
    watched(realm)
    for rest in (
        "HOST ERROR",
        "HOST DISABLED",
        "IMAGE READY",
        "IMAGE USED",
        "IMAGE DISABLED",
        "NET READY",
    ):
        resource, state = rest.split()
        hook(realm, f"RESOURCE={resource}\nSTATE={state}")
    host = realm.host()
    image = realm.image()
    assert told(realm) == [f"image {image.id}"]
    network = realm.network()
    assert told(realm)[1:] == [f"network {network.id}"]
    vm = realm.vm(f"{VM}\nDISK=[IMAGE_ID={image.id}]")
    realm.vm(f"{VM}\nDISK=[IMAGE_ID={image.id}]")
    assert told(realm)[2:] == [f"image {image.id}"]  # USED once, however many use it
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate-hard", vm.id))
    assert len(runs(realm)) == 3
    realm.take(HostDown(host, "away"))
    assert told(realm)[3:] == [f"host {host}"]
    realm.do(lambda tx: hosts.status(tx, ADMIN, host, 1))
    assert told(realm)[4:] == [f"host {host}"]


def test_an_image_is_ready_again_when_nobody_uses_it(realm: Realm) -> None:
    watched(realm)
    image = realm.image()
    hook(realm, "RESOURCE=IMAGE\nSTATE=READY")
    vm = realm.vm(f"{VM}\nDISK=[IMAGE_ID={image.id}]")
    assert runs(realm) == []
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate-hard", vm.id))
    assert told(realm) == [f"image {image.id}"]
    realm.do(lambda tx: images.enable(tx, ADMIN, image.id, False))
    realm.do(lambda tx: images.enable(tx, ADMIN, image.id, True))
    assert len(runs(realm)) == 2


def test_a_refused_change_calls_for_nothing(realm: Realm) -> None:
    hook(watched(realm), "RESOURCE=VM\nON=DONE")
    vm = realm.vm()
    realm.refused(Code.AUTHORIZATION, lambda tx: vms.act(tx, ALICE, "terminate-hard", vm.id))
    assert runs(realm) == []
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate-hard", vm.id))
    assert told(realm) == [f"vm {vm.id}"]


def test_where_a_command_runs(realm: Realm) -> None:
    hook(watched(realm), "RESOURCE=VM\nON=RUNNING\nREMOTE=yes")
    hook(realm)
    vm = realm.running()
    assert [run.host_id for run in runs(realm)] == [vm.history[-1].host_id, -1]


def finished(realm: Realm, code: int = 0) -> HookRun:
    number = hooks.waiting(realm.world)[0]
    realm.do(lambda tx: hooks.begin(tx, number))
    realm.do(lambda tx: hooks.finish(tx, number, code, "b3V0", ""))
    return realm.world.table(HookRun)[number]


def test_the_log_is_bounded(realm: Realm) -> None:
    number = hook(realm, "CALL=one.vm.allocate", "api")
    for _ in range(hooks.KEPT + 5):
        realm.do(lambda tx: hooks.called(tx, "one.vm.allocate", lambda: "call"))
        finished(realm)
    assert [run.id for run in hooks.runs_of(realm.world, number)] == list(range(5, 25))


def test_so_are_those_that_wait(realm: Realm, monkeypatch: Any) -> None:
    monkeypatch.setattr(hooks, "MOST_WAITING", 3)
    hook(realm, "CALL=one.vm.allocate", "api")
    for _ in range(5):
        realm.do(lambda tx: hooks.called(tx, "one.vm.allocate", lambda: "call"))
    assert len(runs(realm)) == 3


def test_an_execution_is_retried_with_what_it_had(realm: Realm) -> None:
    number = hook(watched(realm))
    realm.running()
    first = finished(realm, 1)
    realm.do(lambda tx: hooks.retry(tx, ADMIN, number, first.id))
    again = runs(realm)[-1]
    assert (again.payload, again.retry, again.began) == (first.payload, True, 0)
    realm.refused(Code.NO_EXISTS, lambda tx: hooks.retry(tx, ADMIN, number, 99))


def test_what_began_before_a_restart_is_given_up_and_the_rest_goes_on(realm: Realm) -> None:
    hook(watched(realm))
    for _ in range(2):
        realm.running()
    first = hooks.waiting(realm.world)[0]
    realm.do(lambda tx: hooks.begin(tx, first))
    realm.do(hooks.interrupted)
    lost, waits = runs(realm)
    assert (lost.code, bool(lost.ended), waits.began) == (hooks.UNKNOWN, True, 0)
    assert hooks.waiting(realm.world) == [waits.id]
    assert realm.do(lambda tx: hooks.begin(tx, first)) is None


def test_a_hook_goes_with_its_log(realm: Realm) -> None:
    number = hook(watched(realm))
    realm.running()
    realm.do(lambda tx: hooks.delete(tx, ADMIN, number))
    assert runs(realm) == [] and len(realm.world.table(Hook)) == 0
    realm.do(lambda tx: hooks.finish(tx, 0, 0, "", ""))


def test_an_update_keeps_the_type_and_is_checked(realm: Realm) -> None:
    number = hook(realm)
    realm.do(lambda tx: hooks.update(tx, ADMIN, number, "ON=DONE\nTYPE=api", 1, CALLS))
    record = realm.world.table(Hook)[number]
    assert (record.type, record.template.get("STATE")) == ("state", "DONE")
    realm.refused(Code.INTERNAL, lambda tx: hooks.update(tx, ADMIN, number, "A=1", 0, CALLS))
    realm.refused(Code.AUTHORIZATION, lambda tx: hooks.update(tx, ALICE, number, "A=1", 1, CALLS))
