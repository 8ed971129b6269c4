"""OpenNebula's documents over HTTP are those of XML-RPC; reports are told in JSON as well."""

import xml.etree.ElementTree as ET

import pytest

from innkeeper.api.v1.rest.documents import REPORTS, document_method, query_of
from innkeeper.api.v1.rest.resources import RESOURCES
from innkeeper.api.v1.rest.table import Resource
from innkeeper.api.xmlrpc.methods import LONG_POOL
from innkeeper.api.xmlrpc.nouns import METHODS
from innkeeper.model.errors import Code
from tests.api.v1.rest.conftest import ADMIN, ALICE, Door
from tests.api.xmlrpc.examples import EXAMPLES

XML = "application/xml"


def document(door: Door, path: str, session: str = ADMIN) -> str:
    reply = door.raw("GET", path, session=session, accept=XML)
    assert (reply.status, reply.headers["content-type"]) == (200, XML), reply.body
    return reply.body.decode()


@pytest.mark.parametrize(
    "resource",
    [each for each in RESOURCES if document_method(each, many=True)],
    ids=lambda r: r.path,
)
def test_lists_and_objects_are_shown_as_xml_rpc_shows_them(door: Door, resource: Resource) -> None:
    pool, one = document_method(resource, many=True), document_method(resource, many=False)
    assert pool is not None
    number = EXAMPLES[one.name](door)[0] if one is not None else 0
    asked = [{"filter": -2, "query": ""}.get(param.name, -1) for param in pool.params]
    for session in (ADMIN, ALICE):
        ok, expected, code, *_ = door.answer(pool.name, *asked, session=session)
        reply = door.raw("GET", f"/{resource.path}", session=session, accept=XML)
        assert (reply.status, reply.body.decode()) == (200, expected) if ok else (reply.status, Code(code)) == (
            403, Code.AUTHORIZATION)  # fmt: skip
    if one is not None:
        assert document(door, f"/{resource.path}/{number}") == door.do(one.name, number)
        door.turned_down(404, "GET", f"/{resource.path}/999", accept=XML)


def test_what_xml_has_to_escape_comes_as_it_is(door: Door) -> None:
    nasty = "<&amp;\r é &lt; ]]&gt;"
    door.post("/templates", {"template": {"name": "t", "nasty": nasty}})
    assert ET.fromstring(document(door, "/templates/0")).findtext("TEMPLATE/NASTY") == nasty
    assert document(door, "/templates") == door.do("one.templatepool.info", -2, -1, -1)


def test_a_long_list_comes_in_pieces_and_whole(door: Door) -> None:
    for number in range(LONG_POOL + 1):
        door.do("one.template.allocate", f"NAME=t{number}\nA=<&>")
    assert document(door, "/templates") == door.do("one.templatepool.info", -2, -1, -1)
    assert document(door, "/templates?filter=-3", ALICE) == "<VMTEMPLATE_POOL></VMTEMPLATE_POOL>"
    assert door.turned_down(422, "GET", "/templates?filter=x", accept=XML)["field"] == "filter"


@pytest.mark.parametrize("called", REPORTS)
def test_reports_are_those_of_xml_rpc_in_either_form(door: Door, called: str) -> None:
    path, name = REPORTS[called]
    vm = door.add_running()
    door.measure(0)
    for user in ("user", "group"):
        door.ask("PUT", f"/quotas/{user}", {"template": {"vm": {"vms": 5}}})
    number = {"one.vm.monitoring": vm, "one.host.monitoring": 0}.get(name)
    found = document(door, path.format(id=number))
    arguments = {"filter": -2, "rc": 0}
    asked = [number] * (number is not None) + [
        arguments.get(each, -1) for each in query_of(METHODS[name])
    ]
    assert found == door.do(name, *asked)
    told = door.get(path.format(id=number))
    tags = {child.tag.lower() for child in ET.fromstring(found)}
    assert (set(told) if isinstance(told, dict) else set()) == tags


def test_limits_for_all_are_set_by_administrators(door: Door) -> None:
    door.turned_down(403, "PUT", "/quotas/user", {"template": "VM=[VMS=1]"}, session=ALICE)
    assert door.turned_down(422, "PUT", "/quotas/user", {"limits": 1})["field"] == "limits"
    assert door.ask("PUT", "/quotas/user", {"template": {"vm": {"vms": 1}}}).status == 200
    assert door.get("/quotas/user")["vm_quota"]["vm"]["vms"] == "1"
    door.post("/vms", {"template": {"name": "a", "cpu": 1, "memory": 1}}, session=ALICE)
    assert (
        "limit"
        in door.turned_down(
            403, "POST", "/vms", {"template": {"name": "b", "cpu": 1, "memory": 1}}, session=ALICE
        )["detail"]
    )
