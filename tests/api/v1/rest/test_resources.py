"""Resources and actions through REST: what is asked, what comes of it, what is refused."""

import base64
import json
from typing import Any

import pytest

from innkeeper.api.v1.rest.resources import RESOURCES
from innkeeper.model.replays import Replay
from tests.api.v1.rest.conftest import ALICE, Door

GUEST = {"name": "guest", "cpu": 0.5, "memory": 128}
IMAGE = {"name": "disk", "type": "DATABLOCK", "size": 100}
SECRET = "whsec_" + base64.b64encode(b"x" * 24).decode()
NETWORK = {
    "name": "net", "vn_mad": "dummy", "bridge": "br0", "ar": {"type": "IP4", "ip": "10.0.0.1", "size": 10},
}  # fmt: skip


def test_a_vm_from_its_creation_to_its_end(door: Door) -> None:
    made = door.ask("POST", "/vms", {"template": GUEST})
    assert made.status == 201 and made.headers["location"] == "/api/v1/vms/0"
    assert made.body["id"] == 0 and made.body["operation"] is None
    vm = door.get("/vms/0")
    assert vm == made.body["object"]
    assert (vm["name"], vm["state"], vm["phase"], vm["permissions"]) == (
        "guest",
        "PENDING",
        "PENDING",
        "600",
    )
    assert vm["template"]["cpu"] == "0.5" and vm["host_id"] is None
    host = door.add_host()
    begun = door.ask("POST", "/vms/0/actions/deploy", {"host_id": host})
    assert (
        begun.status == 202
        and begun.headers["location"] == f"/api/v1/operations/{begun.body['operation']['id']}"
    )
    assert begun.body["object"]["phase"] == "PROLOG"
    assert begun.body["object"]["operation"] == begun.body["operation"]["id"]
    door.settle()
    assert door.get("/vms/0")["phase"] == "RUNNING"
    assert door.get(f"/hosts/{host}")["vms"] == [0]
    gone = door.ask("DELETE", "/vms/0?hard=true")
    assert gone.status == 202
    door.settle()
    assert door.get("/vms/0")["state"] == "DONE"


def test_a_change_of_several_things_is_one(door: Door) -> None:
    door.post("/vms", {"template": GUEST})
    changed = door.ask(
        "PATCH",
        "/vms/0",
        {"name": "other", "template": {"note": "x"}, "permissions": "640", "uid": 2},
    )
    assert changed.status == 200
    vm = door.get("/vms/0")
    assert (vm["name"], vm["user_template"]["note"], vm["permissions"], vm["uid"]) == (
        "other",
        "x",
        "640",
        2,
    )
    door.turned_down(404, "PATCH", "/vms/0", {"name": "third", "uid": 77})
    door.ask("PATCH", "/vms/0", {"template": {"more": [1, {"a": True}]}})
    assert door.get("/vms/0")["user_template"] == {"note": "x", "more": ["1", {"a": "YES"}]}
    door.ask("PATCH", "/vms/0", {"template": "OTHER=1", "merge": False})
    assert door.get("/vms/0")["user_template"] == {"other": "1"}


SHOP = {"name": "new", "market_mad": "http", "base_url": "http://x/", "public_dir": "/srv"}


def test_each_kind_is_created_shown_listed_changed_and_deleted(door: Door) -> None:
    text = {"template": {"name": "new"}}
    bodies: dict[str, Any] = {
        "vms": {"template": GUEST}, "hosts": {"name": "node", "im_mad": "dummy", "vm_mad": "dummy"},
        "clusters": {"name": "new"}, "images": {"template": IMAGE, "datastore_id": 1},
        "datastores": {"template": {"name": "new", "ds_mad": "dummy", "tm_mad": "dummy"}},
        "networks": {"template": NETWORK}, "templates": text, "security-groups": text,
        "users": {"name": "carl", "password": "secret", "groups": [1]}, "groups": {"name": "new"}, "vdcs": text,
        "network-templates": text, "documents": {**text, "type": 200},
        "virtual-routers": {"template": {"name": "new"}},
        "hooks": {"template": {
            "name": "new", "type": "api", "call": "one.vm.allocate", "command": "x",
        }},
        "backup-jobs": text, "marketplaces": {"template": SHOP},
        "marketplace-apps": {
            "template": {"name": "new", "type": "vmtemplate", "origin_id": -1}, "market_id": 100,
        },
        "webhooks": {"name": "new", "url": "https://example.org/", "secret": SECRET},
        "acl": {"user": "100000002", "resource": "8100000005", "rights": "1"},
        "vm-groups": {"template": {"name": "new", "role": {"name": "r"}}},
    }  # fmt: skip
    door.post("/marketplaces", {"template": {**SHOP, "name": "shop"}})
    for resource in RESOURCES:
        if resource.create is None or resource.path == "zones":
            continue
        made = door.post(f"/{resource.path}", bodies.pop(resource.path))
        door.settle()
        shown = door.get(f"/{resource.path}/{made['id']}")
        assert shown["id"] == made["id"] and set(shown) == set(resource.shape.__struct_fields__)
        assert shown in door.get(f"/{resource.path}")["items"]
        noted = "template" in resource.patch.__struct_fields__
        if not resource.changes:
            continue
        said = {"template": {"noted": "yes"}} if noted else {"name": "other"}
        answer = door.ask("PATCH", f"/{resource.path}/{made['id']}", said)
        assert answer.status in (200, 202)
        door.settle()
        if resource.path == "networks":
            assert shown["ranges"][0]["template"]["ip"] == "10.0.0.1"
        if noted and resource.path != "vms":
            assert door.get(f"/{resource.path}/{made['id']}")["template"]["noted"] == "yes"
        assert door.ask("DELETE", f"/{resource.path}/{made['id']}").status in (200, 202)
        door.settle()
        door.ask("GET", f"/{resource.path}/{made['id']}")
    assert not bodies


@pytest.mark.parametrize(
    ("path", "body", "parts"),
    [
        ("/vms", {"template": "CPU=x\nMEMORY=1"},
         ("CPU", "a number of cores greater than 0 (0.01 at least)", "'x'")),
        ("/vms", {"template": "CPU=["}, ("template", None, None)),
        ("/vms", {}, ("template", "a value", "nothing")),
        ("/vms", {"template": 5}, ("template", "str | object", "int")),
        ("/vms/7/actions/hold", {}, ("virtual machine", "the number of one that is there", "7")),
        ("/images", {"template": "TYPE=DATABLOCK\nSIZE=1"},
         ("NAME", "a text of 1 to 128 characters", "nothing")),
        ("/templates", {"template": {"name": "x" * 200}}, ("NAME", None, repr("x" * 37 + "..."))),
        ("/clusters", {"name": "a|b"}, ("NAME", None, "'a|b'")),
        ("/hosts", {"name": "h", "im_mad": "y"}, ("IM_MAD", None, "'y'")),
        ("/networks", {"template": {**NETWORK, "vn_mad": "z"}}, ("VN_MAD", None, "'z'")),
        ("/networks", {"template": {**NETWORK, "mtu": "1"}}, ("MTU", None, "'1'")),
        ("/networks", {"template": {**NETWORK, "ar": {"type": "X"}}}, ("TYPE of an address range", None, "'X'")),
        ("/hooks", {"template": {"name": "h", "type": "other"}}, ("TYPE", "api or state", "'other'")),
        ("/security-groups", {"template": {"name": "g", "rule": {"protocol": "X"}}},
         ("PROTOCOL of a RULE", None, "'X'")),
        ("/backup-jobs", {"template": {"name": "j", "backup_vms": "x"}}, ("BACKUP_VMS", "numbers like 3,5", "'x'")),
        ("/templates/0/actions/clone", {"name": "x", "colour": 1}, ("colour", "no such field", "it")),
    ],
    ids=str,
)  # fmt: skip
def test_problems_name_the_field_what_is_expected_and_what_came(
    door: Door, path: str, body: Any, parts: tuple[str, str | None, str | None]
) -> None:
    answer = door.ask("POST", path, body)
    assert answer.status in (404, 409, 422), answer.body
    field, expected, found = (answer.body[name] for name in ("field", "expected", "found"))
    assert field == parts[0] and parts[1] in (None, expected) and parts[2] in (None, found)
    assert expected and found


def test_users_and_groups_show_their_limits_and_what_they_take(door: Door) -> None:
    door.post("/users/2/actions/set-quota", {"template": {"vm": {"vms": 3, "cpu": 2.5}}})
    door.post("/vms", {"template": GUEST}, session=ALICE)
    user = door.get("/users/2", session=ALICE)
    [limits] = user["quotas"]
    assert (limits["kind"], limits["limits"]["VMS"], limits["limits"]["CPU"]) == ("VM", 3, 2.5)
    [taken] = [each for each in user["taken"] if (each["kind"], each["which"]) == ("VM", "")]
    assert (taken["amounts"]["vms"], taken["amounts"]["cpu"], taken["amounts"]["memory"]) == (
        1,
        0.5,
        128,
    )
    [of_group] = [
        each
        for each in door.get("/groups/1")["taken"]
        if (each["kind"], each["which"]) == ("VM", "")
    ]
    assert of_group["amounts"]["vms"] == 1


def test_zones_are_neither_made_nor_deleted_nor_have_servers(door: Door) -> None:
    door.turned_down(409, "POST", "/zones", {"template": {"name": "other"}})
    door.turned_down(409, "DELETE", "/zones/0")
    for action in ("add-server", "delete-server", "reset-server"):
        refused = door.turned_down(409, "POST", f"/zones/0/actions/{action}", {"server": "1"})
        assert "no servers" in refused["detail"]


def test_secrets_are_not_shown(door: Door) -> None:
    key = door.ask("PATCH", "/users/2", {"template": {"token_password": "hidden", "note": "x"}})
    user = door.get("/users/2")
    assert key.status == 200 and user["template"] == {"note": "x"}
    assert not {"password", "tokens"} & set(user)
    screen = {**GUEST, "graphics": {"type": "VNC", "passwd": "hidden"}}
    door.post("/vms", {"template": screen}, session=ALICE)
    assert door.get("/vms/0", session=ALICE)["template"]["graphics"][0]["passwd"] == "hidden"
    door.ask("PATCH", "/vms/0", {"permissions": "604"})
    assert "passwd" not in door.get("/vms/0", session="bob:secret")["template"]["graphics"][0]


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "field"),
    [
        ("POST", "/vms", {}, 422, "template"),
        ("POST", "/vms", {"template": 5}, 422, "template"),
        ("POST", "/vms", {"template": GUEST, "hold": "yes"}, 422, "hold"),
        ("POST", "/vms", {"template": GUEST, "more": 1}, 422, "more"),
        ("POST", "/vms", [], 422, "body"),
        ("POST", "/vms/0/actions/deploy", {"host_id": 1 << 40}, 422, "host_id"),
        ("POST", "/vms/0/actions/recover", {"operation": "pray"}, 422, "operation"),
        ("PATCH", "/vms/0", {}, 422, "body"),
        ("GET", "/vms?colour=red", None, 422, "query"),
        ("GET", "/vms?limit=0", None, 422, "limit"),
        ("GET", "/vms?limit=x", None, 422, "limit"),
        ("GET", "/vms?cursor=x", None, 422, "cursor"),
        ("DELETE", "/vms/0?hard=maybe", None, 422, "hard"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    door: Door, verb: str, path: str, body: Any, status: int, field: str
) -> None:
    door.post("/vms", {"template": GUEST})
    problem = door.turned_down(status, verb, path, body)
    assert problem["field"] == field and problem["expected"] and problem["found"]


def test_refusals_have_their_codes(door: Door) -> None:
    door.post("/vms", {"template": GUEST})
    assert door.turned_down(404, "GET", "/vms/7")["code"] == "NO_EXISTS"
    door.turned_down(404, "GET", "/vms/seven")
    door.turned_down(404, "POST", "/vms/0/actions/fly")
    door.turned_down(404, "GET", "/planets")
    assert door.turned_down(403, "GET", "/vms/0", session=ALICE)["code"] == "AUTHORIZATION"
    assert door.turned_down(401, "GET", "/vms/0", session="alice:wrong")["code"] == "AUTHENTICATION"
    door.turned_down(409, "POST", "/vms/0/actions/resume")
    door.turned_down(422, "POST", "/vms", {"template": "CPU=0\nMEMORY=1"})
    door.turned_down(422, "PATCH", "/vms/0", {"permissions": "888"})
    door.turned_down(422, "PATCH", "/vms/0", {"merge": True})
    door.turned_down(405, "PUT", "/vms/0")
    door.turned_down(415, "POST", "/vms", {}, content_type="text/plain")
    assert door.raw("POST", "/vms", b"{").status == 400
    assert door.raw("POST", "/vms", b"[" * 100_000).status == 422


def test_lists_are_filtered(door: Door) -> None:
    for name in ("web-1", "web-2", "db"):
        noted = {"labels": "blue, large"} if name == "db" else {}
        door.post("/vms", {"template": {**GUEST, "name": name, **noted}}, session=ALICE)
    door.post("/vms", {"template": GUEST, "hold": True})

    def names(query: str) -> list[str]:
        return [vm["name"] for vm in door.get(f"/vms?{query}")["items"]]

    assert names("name_prefix=web-") == ["web-1", "web-2"]
    assert names("owner=alice") == names("owner=2") == ["web-1", "web-2", "db"]
    assert names("owner=nobody") == []
    assert names("group=oneadmin") == ["guest"] == names("state=hold")
    assert names("label=blue") == names("label=large") == ["db"] == names("name=db")
    assert [vm["name"] for vm in door.get("/vms", session="bob:secret")["items"]] == []


def test_pages_show_everything_once_whatever_happens_between_them(door: Door) -> None:
    for _ in range(7):
        door.post("/templates", {"template": {"name": f"t-{_}"}})
    first = door.get("/templates?limit=3")
    door.ask("DELETE", "/templates/2")
    door.ask("DELETE", "/templates/4")
    door.post("/templates", {"template": {"name": "late"}})
    second = door.get(f"/templates?limit=3&cursor={first['next']}")
    last = door.get(f"/templates?limit=3&cursor={second['next']}")
    seen = [each["id"] for page in (first, second, last) for each in page["items"]]
    assert seen == [0, 1, 2, 3, 5, 6, 7] and last["next"] is None


def test_a_known_object_is_not_sent_again_and_a_changed_one_not_changed(door: Door) -> None:
    door.post("/templates", {"template": {"name": "one"}})
    shown = door.ask("GET", "/templates/0")
    tag = shown.headers["etag"]
    assert door.raw("GET", "/templates/0", if_none_match=tag).status == 304
    assert (
        door.raw(
            "GET", "/templates", if_none_match=door.ask("GET", "/templates").headers["etag"]
        ).status
        == 304
    )
    changed = door.ask("PATCH", "/templates/0", {"name": "two"}, if_match=tag)
    assert (
        changed.status == 200
        and changed.headers["etag"] == door.ask("GET", "/templates/0").headers["etag"] != tag
    )
    door.turned_down(412, "PATCH", "/templates/0", {"name": "three"}, if_match=tag)
    door.turned_down(412, "DELETE", "/templates/0", if_match=tag)
    assert door.raw("GET", "/templates/0", if_none_match=tag).status == 200
    assert (
        door.ask("DELETE", "/templates/0", if_match=f'"x", {changed.headers["etag"]}').status == 200
    )


def test_a_request_under_a_key_is_carried_out_once(door: Door) -> None:
    body = {"template": GUEST}
    first = door.ask("POST", "/vms", body, idempotency_key="k-1")
    before = door.state()
    assert door.ask("POST", "/vms", body, idempotency_key="k-1")[:2] == first[:2]
    assert door.state() == before
    assert door.turned_down(409, "POST", "/vms", {"template": {}}, idempotency_key="k-1")
    assert door.turned_down(422, "POST", "/vms", body, idempotency_key="k" * 200)
    assert door.ask("POST", "/vms", body, ALICE, idempotency_key="k-1").body["id"] == 1
    door.turned_down(422, "POST", "/vms", {"template": ""}, idempotency_key="k-2")
    assert door.ask("POST", "/vms", body, idempotency_key="k-2").body["id"] == 2
    door.turned_down(422, "POST", "/users/2/actions/login", {}, idempotency_key="k-3")
    door.clock.now += 86_400
    assert door.ask("POST", "/vms", body, idempotency_key="k-1").body["id"] == 3
    door.ask("POST", "/vms", body, idempotency_key="k-4")
    assert [each.name for each in door.world.table(Replay)] == ["k-1", "k-4"]


def test_a_login_token_is_a_bearer_token(door: Door) -> None:
    token = door.post("/users/2/actions/login", {"valid": 60}, session=ALICE)["result"]
    assert door.raw("GET", "/users/2", authorization=f"Bearer {token}").status == 200
    assert door.raw("GET", "/users/0", authorization=f"Bearer {token}").status == 403
    for wrong in (
        "Bearer x",
        "Bearer",
        "Digest x",
        "Basic x",
        "Basic " + base64.b64encode(b"\xff:").decode(),
    ):
        assert door.raw("GET", "/users/2", authorization=wrong).status == 401
    door.clock.now += 61
    assert door.raw("GET", "/users/2", authorization=f"Bearer {token}").status == 401


def test_an_operation_is_awaited_and_known_after_its_end(door: Door) -> None:
    door.post("/vms", {"template": GUEST})
    begun = door.post("/vms/0/actions/deploy", {"host_id": door.add_host()})["operation"]
    where = f"/operations/{begun['id']}"
    assert (begun["state"], begun["cancellable"]) == ("running", True)
    assert door.get("/operations?state=running")["items"] == [begun]
    assert door.get(f"{where}?wait=0") == begun
    door.turned_down(403, "GET", where, session=ALICE)
    door.turned_down(422, "GET", f"{where}?wait=1000")
    door.settle()
    ended = door.get(f"{where}?wait=30")
    assert (ended["state"], ended["target_kind"], ended["target"]) == ("finished", "vm", 0)
    assert set(ended) == set(begun)
    door.turned_down(404, "GET", "/operations/99")
    door.turned_down(404, "GET", where, session=ALICE)
    door.turned_down(404, "DELETE", where)


def test_an_operation_is_cancelled_until_its_point_of_no_return(door: Door) -> None:
    door.post("/vms", {"template": GUEST})
    host = door.add_host()
    begun = door.post("/vms/0/actions/deploy", {"host_id": host})["operation"]
    where = f"/operations/{begun['id']}"
    door.turned_down(403, "DELETE", where, session=ALICE)
    assert door.ask("DELETE", where).status == 202
    assert door.get(where)["state"] == "undoing"
    door.settle()
    assert door.get(where)["state"] == "undone" and door.get("/vms/0")["phase"] != "RUNNING"
    assert not door.hosts[host].guests
    door.add_running()
    going = door.post("/vms/1/actions/terminate-hard")["operation"]
    door.asked.clear()
    while door.get(f"/operations/{going['id']}")["cancellable"]:
        door.core.transact(lambda tx: __import__("innkeeper.lifecycle.engine").lifecycle.engine.succeeded(
            tx, tx.world.operations[going["id"]], {}))  # fmt: skip
    assert (
        "point of no return"
        in door.turned_down(409, "DELETE", f"/operations/{going['id']}")["detail"]
    )


def test_a_failed_store_is_no_fault_of_the_client(door: Door) -> None:
    door.journal.fail("disk full")
    assert door.ask("POST", "/templates", {"template": {"name": "x"}}).status == 503
    assert door.ask("POST", "/templates", {"template": {"name": "x"}}).status == 503
    assert json.loads(door.raw("GET", "/vms").body)["items"] == []


def test_a_zone_that_is_disabled_is_looked_at_only(door: Door) -> None:
    assert door.ask("PATCH", "/zones/0", {"enabled": False}).status == 200
    door.turned_down(422, "POST", "/vms", {"template": GUEST})
    door.turned_down(422, "PATCH", "/users/2", {"template": {"a": 1}})
    assert door.get("/zones/0")["state"] == "DISABLED"
    assert door.ask("PATCH", "/zones/0", {"enabled": True}).status == 200
    door.post("/vms", {"template": GUEST})


def test_what_was_asked_is_in_the_audit_log_without_secrets(door: Door) -> None:
    door.post("/users", {"name": "carl", "password": "hush hush", "groups": [1]})
    door.ask("PATCH", "/users/4", {"enabled": False})
    told = repr(door.journal.audit(0, 100))
    assert "carl" in told and "hush hush" not in told and "/api/v1/users/4" in told
