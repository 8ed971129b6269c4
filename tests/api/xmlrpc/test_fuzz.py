"""Hostile calls to every method: never a defect, and nothing changes unless the call succeeds."""

import asyncio
import logging
import os
import xmlrpc.client
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from innkeeper.api.direct import exchange
from innkeeper.api.server import Application
from innkeeper.api.xmlrpc.nouns import CHANGES, METHODS
from innkeeper.api.xmlrpc.wire import CallError
from tests.api.xmlrpc.cloud import ADMIN, ALICE, IMAGE, NETWORK, VM, Cloud
from tests.api.xmlrpc.examples import (
    ANSWERS_TEXT,
    APP,
    GROUP,
    HOOK,
    MARKET,
    RUN,
    document,
    hook,
    market_app,
    network_template,
    vm_group,
)

NASTY = (
    "", " ", "<", "<>", "<X>", "<X/>", "<VM><CPU>1</CPU><MEMORY>1</MEMORY></VM>", "]]>", "<![CDATA[", "&", "\x00",
    "\r\n", "\ud800", "\ufffe", "\U0010ffff", "a" * 100_000, "A=" * 5_000, "A=[" * 500, "[" * 5_000, "%s%n", "../../..",
    "NAME=\"x\\\"", "NAME=x\nCPU=1e999\nMEMORY=99999999999999999999", VM,
    f"{VM}\nDISK=[IMAGE_ID=0]\nNIC=[NETWORK_ID=0]",
    f"{VM}\nNIC=[NETWORK_ID=-1]", f"{VM}\nNIC=[NETWORK_ID=0,IP=10.0.0.999]", f"{VM}\nDISK=[IMAGE=disk,IMAGE_UID=x]",
    f"{VM}\nCONTEXT=[A=\"$NIC[IP, NETWORK=\\\"net\\\"]\",B=\"$$$[\"]",
    f"{VM}\nOS=[BOOT=\"disk9\",UUID=x]", IMAGE, NETWORK,
    "NAME=x\nVN_MAD=bridge\nAR=[TYPE=IP6,SIZE=99999999999]", "AR=[AR_ID=0,SIZE=0]", "AR=[AR_ID=x]", "LEASES=[IP=::1]",
    "LEASES=[MAC=zz]", "AR=[TYPE=IP4_6_STATIC,IP=10.0.0.1,IP6=x,PREFIX_LENGTH=64]", "0,1,2", "-1,x",
    "terminate", "hold",
    "NAME=h\nTYPE=state\nRESOURCE=VM\nON=DONE\nCOMMAND=../x\nARGUMENTS=\"'$TEMPLATE\"",
    "TYPE=api\nCALL=one.vm.info\nCOMMAND=/x",
    "NAME=g\nROLE=[NAME=\"a,b\",POLICY=x]", "ROLE=[NAME=a,HOST_AFFINED=\"1,,x,-3\"]",
    "AFFINED=\"a,a,b\"\nANTI_AFFINED=\"b,a\"",
    "NAME=j\nBACKUP_VMS=\"0,0,x\"", "SCHED_ACTION=[TIME=+5]", "SCHED_ACTION=[TIME=1e9,REPEAT=9]",
    "NAME=m\nMARKET_MAD=http\nBASE_URL=x", "NAME=a\nORIGIN_ID=99999999999\nTYPE=UNKNOWN", "CLUSTER_IDS=\"0,x,-1\"",
    f"{VM}\nVMGROUP=[VMGROUP_ID=0]", f"{VM}\nVMGROUP=[VMGROUP_NAME=site,VMGROUP_UNAME=nobody,ROLE=back]",
)  # fmt: skip
TEXTS = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=()), max_size=60)
NUMBERS = st.sampled_from([-(2**31), -11, -4, -3, -2, -1, 0, 1, 2, 3, 4, 8, 100, 2**31 - 1])
OF_TYPE: dict[type, st.SearchStrategy[Any]] = {
    int: NUMBERS,
    bool: st.booleans(),
    str: TEXTS,
    list: st.lists(NUMBERS, max_size=4),
}
NOISE = (b"", b"<", b">", b"\xff", b"\x00", b"&", b"</value>", b"<!--")
ANYTHING = st.one_of(
    NUMBERS, st.integers(-(2**63), 2**63 - 1), st.booleans(), TEXTS, st.none(), st.binary(max_size=30),
    st.floats(allow_nan=False, allow_infinity=False), st.lists(NUMBERS | TEXTS, max_size=3),
    st.dictionaries(st.sampled_from(["a", "b"]), TEXTS, max_size=2),
)  # fmt: skip


SENSIBLE: dict[type, st.SearchStrategy[Any]] = {
    int: st.sampled_from([0, 0, 0, 1, -1, 2]),
    bool: st.booleans(),
    str: st.sampled_from([
        VM, f"{VM}\nDISK=[IMAGE_ID=0]\nNIC=[NETWORK_ID=0]",
        IMAGE.replace("disk", "more"), NETWORK.replace("net", "more"),
        "fresh", "NAME=ds\nDS_MAD=dummy\nTM_MAD=dummy", "AR=[TYPE=IP4,IP=10.9.0.1,SIZE=5]", "AR=[AR_ID=0,SIZE=20]",
        HOOK, GROUP, MARKET, APP, RUN, "NAME=j\nBACKUP_VMS=0", "ROLE=[NAME=cache]", "front", "POLICY=NONE",
        f"{VM}\nVMGROUP=[VMGROUP_ID=0,ROLE=back]",
        "LEASES=[IP=10.0.0.5]", "A=1", "dummy", "alice", "OS", "terminate-hard", "poweroff", "hold", "suspend", "",
    ]),
    list: st.just([1]),
}  # fmt: skip
SESSIONS = st.sampled_from([ADMIN] * 16 + [ALICE] * 3 + ["x", ""])
SELDOM = st.sampled_from([False] * 9 + [True])


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, list[Any]]:
    """A method and parameters, most of them sensible."""
    name = draw(st.sampled_from(sorted(METHODS)))
    kinds = [param.kind for param in METHODS[name].params]
    params = [draw((OF_TYPE if draw(SELDOM) else SENSIBLE)[kind]) for kind in kinds]
    if draw(SELDOM) and params:
        params[draw(st.integers(0, len(params) - 1))] = draw(ANYTHING)
    if draw(SELDOM):
        params = params[: draw(st.integers(0, len(params)))]
    elif draw(SELDOM):
        params += draw(st.lists(ANYTHING, max_size=2))
    return name, [draw(SESSIONS), *params]


class Stage:
    """A cloud with one object of each kind, most numbered 0; a new one after each change."""

    def __init__(self) -> None:
        self.cloud = self._furnished()

    @staticmethod
    def _furnished() -> Cloud:
        cloud = Cloud()
        cloud.do("one.vn.allocate", NETWORK, -1)
        cloud.add_image()
        cloud.do("one.template.allocate", f"{VM}\nDISK=[IMAGE_ID=0]\nNIC=[NETWORK_ID=0]")
        cloud.add_running(f"{VM}\nDISK=[IMAGE_ID=0]\nNIC=[NETWORK_ID=0]")
        cloud.add_vm(session=ALICE)
        for make in (network_template, document, vm_group, hook, market_app):
            make(cloud)
        return cloud

    def renew(self) -> None:
        """A cloud as at the beginning."""
        self.cloud.close()
        self.cloud = self._furnished()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.cloud.close()


def told(cloud: Cloud, method: str, params: list[Any]) -> Any:
    """What a client is told: an array, or a Fault."""
    try:
        document = cloud._runner.run(cloud._document(method, params))
        ((array,), _) = xmlrpc.client.loads(document)
    except CallError as error:
        return xmlrpc.client.Fault(error.code, error.text)
    return array


def _kind(answer: Any, *, changed: bool) -> str:
    """For the statistics: how deep the calls go."""
    if isinstance(answer, xmlrpc.client.Fault):
        return "fault"
    return "changed" if changed else "answered" if answer[0] else f"refused {answer[2]:#06x}"


#: Calls that are tried; INN_FUZZ asks for another number.
CALLS = int(os.environ.get("INN_FUZZ", "600"))


@settings(
    max_examples=CALLS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(call=calls())
def test_hostile_calls(
    stage: Stage, caplog: pytest.LogCaptureFixture, call: tuple[str, list[Any]]
) -> None:
    method, params = call
    cloud = stage.cloud
    before = cloud.state()
    caplog.clear()
    answer = told(cloud, method, params)
    changed = cloud.state() != before
    event(_kind(answer, changed=changed))
    if isinstance(answer, xmlrpc.client.Fault):
        assert (answer.faultCode, changed) == (-501, False)
    elif answer[0] is not True:
        assert (len(answer), changed) == (5, False)
        assert answer[1].startswith(f"[{method}] ")
        assert "internal error" not in answer[1]
    else:
        assert len(answer) == 3
        assert (type(answer[1]) is str) == (method in ANSWERS_TEXT)
    if changed:
        assert method in CHANGES
        cloud.settle()
        stage.renew()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@settings(
    max_examples=CALLS // 4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=st.sampled_from(sorted(METHODS)),
    noise=st.lists(
        st.tuples(st.integers(0, 2000), st.sampled_from(NOISE)),
        min_size=1, max_size=6,
    ),
)  # fmt: skip
def test_broken_documents(
    stage: Stage, caplog: pytest.LogCaptureFixture, method: str, noise: list[tuple[int, bytes]]
) -> None:
    """Bytes of a sound call are cut out and put in: the server answers each with a document."""
    of_type: dict[type, Any] = {int: 0, bool: False, str: VM, list: [1]}
    params = [ADMIN, *(of_type[param.kind] for param in METHODS[method].params)]
    body = xmlrpc.client.dumps(tuple(params), method).encode()
    for place, piece in noise:
        at = place % len(body)
        body = body[:at] + piece + body[at + 1 :]
    reply = asyncio.run(exchange(Application(stage.cloud.rpc), "POST", "/RPC2", body))
    assert (reply.status, reply.complete) == (200, True)
    assert b"internal error" not in reply.body
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    try:
        xmlrpc.client.loads(reply.body)
    except xmlrpc.client.Fault as fault:
        assert fault.faultCode in (-501, -503, -506)
