"""The handler: introspection, several calls in one, failures of our own and of the store."""

import asyncio
import logging
import xmlrpc.client
from typing import Any

import pytest

from innkeeper.api.direct import exchange
from innkeeper.api.server import Application
from innkeeper.api.xmlrpc.monitoring import Unmonitored
from innkeeper.api.xmlrpc.nouns import METHODS
from innkeeper.api.xmlrpc.service import XmlRpc
from innkeeper.model.errors import Code
from innkeeper.model.samples import Sample
from tests.api.xmlrpc.cloud import ADMIN, ALICE, VM, Cloud


def own(cloud: Cloud, method: str, *params: Any) -> Any:
    """The value of a `system.` method, which takes no session and has no envelope."""
    document = asyncio.run(cloud.rpc(method, list(params)))
    assert isinstance(document, bytes)
    ((value,), _) = xmlrpc.client.loads(document)
    return value


# ---- introspection ----------------------------------------------------------------------------


def test_the_list_of_methods(cloud: Cloud) -> None:
    listed = own(cloud, "system.listMethods")
    assert listed == sorted(listed)
    assert set(listed) - set(METHODS) == {
        "system.listMethods", "system.methodHelp", "system.methodSignature", "system.multicall",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "signature"),
    [
        ("one.vm.action", ["array", "string", "string", "int"]),
        ("one.user.allocate", ["array", "string", "string", "string", "string", "array"]),
        ("one.image.persistent", ["array", "string", "int", "boolean"]),
        ("one.hostpool.info", ["array", "string"]),
        ("system.multicall", ["array", "array"]),
    ],
)
def test_signatures(cloud: Cloud, method: str, signature: list[str]) -> None:
    assert own(cloud, "system.methodSignature", method) == [signature]


def test_every_method_has_help(cloud: Cloud) -> None:
    for name in own(cloud, "system.listMethods"):
        assert own(cloud, "system.methodHelp", name).endswith(".")


@pytest.mark.parametrize("method", ["system.methodHelp", "system.methodSignature"])
def test_introspection_of_what_is_not_there(cloud: Cloud, method: str) -> None:
    assert cloud.fault(method) == -506  # the session is taken for a name
    for params in ([], [1], [None]):
        with pytest.raises(Exception, match="name of a method"):
            own(cloud, method, *params)


# ---- several calls ----------------------------------------------------------------------------


def calls(*given: tuple[str, list[Any]]) -> list[dict[str, Any]]:
    return [{"methodName": name, "params": params} for name, params in given]


def test_several_calls_in_one(cloud: Cloud) -> None:
    results = own(
        cloud,
        "system.multicall",
        calls(
            ("one.vm.allocate", [ADMIN, VM, True]),
            ("one.vm.info", [ADMIN, 77]),
            ("one.vm.info", [ADMIN]),
            ("one.vm.fly", [ADMIN]),
            ("system.multicall", [[]]),
            ("one.vmpool.info", [ADMIN, -2, -1, -1, -1]),
            ("system.methodHelp", ["one.vm.info"]),
        ),
    )
    assert results[0] == [[True, 0, 0]]
    assert results[1][0][0] is False
    assert [result["faultCode"] for result in results[2:5]] == [-501, -506, -501]
    assert "<ID>0</ID>" in results[5][0][1]
    assert results[6] == [METHODS["one.vm.info"].help]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"methodName": "one.vm.info"},
        {"methodName": 1, "params": []},
        {"params": []},
        1,
        [],
        "x",
    ],
)
def test_a_call_in_a_multicall_must_be_one(cloud: Cloud, given: Any) -> None:
    ok, bad = own(cloud, "system.multicall", [*calls(("one.system.version", [ADMIN])), given])
    assert ok == [[True, "7.0.0", 0]]
    assert bad["faultCode"] == -501


def test_multicalls_are_bounded(cloud: Cloud) -> None:
    for params in ([], ["x"], [calls(("one.system.version", [ADMIN])) * 1001]):
        with pytest.raises(Exception, match=r"array of calls|more than 1000"):
            own(cloud, "system.multicall", *params)


def test_the_answers_of_a_multicall_are_bounded(cloud: Cloud) -> None:
    cloud.do("one.template.allocate", f'{VM}\nBIG = "{"x" * 1_000_000}"')
    with pytest.raises(Exception, match="bytes"):
        own(cloud, "system.multicall", calls(*[("one.template.info", [ADMIN, 0])] * 80))


# ---- failures ---------------------------------------------------------------------------------


class Broken(Unmonitored):
    """Monitoring with a defect."""

    def latest(self, kind: str, object_id: int) -> Sample | None:
        raise RuntimeError("the secret of the inn")


def test_a_defect_is_logged_here_and_not_told(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    number = cloud.add_vm()
    desk = cloud.rpc.desk
    cloud.rpc = XmlRpc(desk.core, desk.authenticator, Broken(), datastore_root="/ds")
    with caplog.at_level(logging.ERROR):
        text = cloud.refused(Code.INTERNAL, "one.vm.info", number)
    assert text == "[one.vm.info] internal error"
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "secret of the inn" in caplog.text


def test_refusals_are_not_defects(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        cloud.refused(Code.NO_EXISTS, "one.vm.info", 7)
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_secrets_are_not_logged(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        cloud.do("one.user.allocate", "dave", "pa55word", "core", [])
        cloud.refused(Code.AUTHORIZATION, "one.user.passwd", 0, "pa55word", session=ALICE)
        cloud.refused(Code.AUTHENTICATION, "one.vm.info", 0, session="oneadmin:pa55word")
        cloud.fault("one.user.passwd", "pa55word", "pa55word")
    assert "pa55word" not in caplog.text


def test_when_the_store_fails_changes_are_refused_and_reads_go_on(cloud: Cloud) -> None:
    number = cloud.add_vm()
    cloud.journal.fail("the disk is full")
    for _ in range(2):
        ok, text, code, *_ = cloud.answer("one.vm.rename", number, "x")
        assert (ok, code) == (False, Code.INTERNAL)
        assert "the disk is full" in text
    assert cloud.xml("one.vm.info", number).findtext("STATE") == "1"


def test_it_is_the_handler_of_the_server(cloud: Cloud) -> None:
    app = Application(cloud.rpc)
    for _ in range(300):
        cloud.do("one.vm.allocate", VM)

    def send(method: str, *params: Any) -> Any:
        body = xmlrpc.client.dumps(params, method).encode()
        reply = asyncio.run(exchange(app, "POST", "/RPC2", body))
        assert (reply.status, reply.complete) == (200, True)
        return xmlrpc.client.loads(reply.body)[0][0]

    assert send("one.system.version", ADMIN) == [True, "7.0.0", 0]
    assert send("one.vmpool.info", ADMIN, -2, -1, -1, -1)[1].count("<VM>") == 300
    with pytest.raises(xmlrpc.client.Fault) as caught:
        send("one.vm.info", ADMIN, "0")
    assert caught.value.faultCode == -501
    assert "id must be int, not string" in caught.value.faultString
    with pytest.raises(xmlrpc.client.Fault) as caught:
        send("one.vm.fly", ADMIN)
    assert caught.value.faultCode == -506


def test_without_samples(cloud: Cloud) -> None:
    number = cloud.add_running()
    desk = cloud.rpc.desk
    cloud.rpc = XmlRpc(desk.core, desk.authenticator, Unmonitored(), datastore_root="/ds")
    vm = cloud.xml("one.vm.info", number)
    assert (vm.findtext("LAST_POLL"), len(vm.find("MONITORING") or ())) == ("0", 0)
    assert cloud.do("one.vm.monitoring", number) == "<MONITORING_DATA></MONITORING_DATA>"
