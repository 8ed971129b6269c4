"""Responses as they go out, read back by independent clients."""

from __future__ import annotations

import asyncio
import xmlrpc.client
from datetime import datetime
from typing import Any
from xml.parsers import expat

import pyone
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyone.server_xrpc import OneServerXRPC

from innkeeper.api.xmlrpc import wire

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"))
VALUES = st.recursive(
    st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"))
    | st.sampled_from(["\r\n\t", "]]>", "<![CDATA[", "&amp;", ""])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.binary(max_size=40)
    | st.none()
    | st.datetimes(datetime.fromisoformat("1000-01-01")).map(
        lambda moment: moment.replace(microsecond=0)
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


def read(document: bytes) -> Any:
    """The one value of a response, as the standard client reads it."""
    (value,), _ = xmlrpc.client.loads(document, use_builtin_types=True)
    return value


def gather(raw: wire.Raw, chunk: int = wire.CHUNK) -> list[bytes]:
    async def run() -> list[bytes]:
        return [piece async for piece in wire.stream(raw, chunk)]

    return asyncio.run(run())


def test_golden_success_with_an_integer() -> None:
    assert wire.success(42) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b"<methodResponse><params><param><value><array><data>"
        b"<value><boolean>1</boolean></value>"
        b"<value><i4>42</i4></value>"
        b"<value><i4>0</i4></value>"
        b"</data></array></value></param></params></methodResponse>\n"
    )


def test_golden_success_with_a_string() -> None:
    assert wire.success("<VM>a&b]]></VM>") == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b"<methodResponse><params><param><value><array><data>"
        b"<value><boolean>1</boolean></value>"
        b"<value><string>&lt;VM>a&amp;b]]&gt;&lt;/VM></string></value>"
        b"<value><i4>0</i4></value>"
        b"</data></array></value></param></params></methodResponse>\n"
    )


def test_golden_failure() -> None:
    assert wire.failure("[one.vm.info] Error getting virtual machine [7].", 0x0400, 7) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b"<methodResponse><params><param><value><array><data>"
        b"<value><boolean>0</boolean></value>"
        b"<value><string>[one.vm.info] Error getting virtual machine [7].</string></value>"
        b"<value><i4>1024</i4></value>"
        b"<value><i4>7</i4></value>"
        b"<value><i8>-1</i8></value>"
        b"</data></array></value></param></params></methodResponse>\n"
    )


def test_golden_fault() -> None:
    assert wire.fault(-503, "a < b") == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b"<methodResponse><fault><value><struct>"
        b"<member><name>faultCode</name><value><i4>-503</i4></value></member>"
        b"<member><name>faultString</name><value><string>a &lt; b</string></value></member>"
        b"</struct></value></fault></methodResponse>\n"
    )


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_the_standard_client_reads_every_value(value: Any) -> None:
    got = read(wire.response(value))
    assert got == value
    assert type(got) is type(value)


@given(ANY_TEXT)
@settings(max_examples=200, deadline=None)
def test_whatever_the_text_the_document_is_xml(text: str) -> None:
    parser = expat.ParserCreate()
    parser.Parse(wire.success(text), True)
    parser = expat.ParserCreate()
    parser.Parse(wire.failure(text, 1), True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\0b\x1fc\x0bd", "a?b?c?d"),
        ("lone \ud800 surrogate", "lone ? surrogate"),
        ("\ufffe\uffff\ufffd\U0001f600", "??\ufffd\U0001f600"),
        ("tab\t cr\r lf\n", "tab\t cr\r lf\n"),
        (b"raw \x00 &<>", "raw ? &<>"),
        ("é".encode(), "é"),
        (b"not utf-8: \xff \xed\xa0\x80", "not utf-8: \ufffd \ufffd\ufffd\ufffd"),
        ("", " "),
        (b"", " "),
    ],
)
def test_characters_that_xml_cannot_carry(text: str | bytes, expected: str) -> None:
    assert read(wire.success(text)) == [True, expected, 0]


@given(st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_become_text(data: bytes) -> None:
    expat.ParserCreate().Parse(wire.success(data), True)


def test_failures_and_faults() -> None:
    assert read(wire.failure("no", 512)) == [False, "no", 512, -1, -1]
    with pytest.raises(xmlrpc.client.Fault) as caught:
        read(wire.fault(-501, "too few"))
    assert (caught.value.faultCode, caught.value.faultString) == (-501, "too few")


@pytest.mark.parametrize("value", [True, False, 0, -1, 2**31 - 1, -(2**31), 2**31, 2**63 - 1])
def test_success_with_numbers(value: int) -> None:
    got = read(wire.success(value))
    assert got == [True, value, 0]
    assert type(got[1]) is type(value)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, float("nan"), float("inf")])
def test_numbers_that_xml_rpc_lacks(value: float) -> None:
    with pytest.raises(ValueError, match=r"64 bits|no double"):
        wire.response(value)


def test_types_that_xml_rpc_lacks() -> None:
    with pytest.raises(TypeError, match="object"):
        wire.response(object())  # type: ignore[arg-type]


def test_escaped_parts_are_joined_and_not_escaped_again() -> None:
    bodies = [f"<VM><NAME><![CDATA[a & {n}]]></NAME></VM>" for n in range(300)]
    parts = [b"&lt;VM_POOL>", *(wire.escape(body) for body in bodies), b"&lt;/VM_POOL>"]
    whole = wire.success("<VM_POOL>" + "".join(bodies) + "</VM_POOL>")
    assert wire.success(wire.Raw(*parts)) == whole
    assert wire.success(wire.Raw.of(parts)) == whole
    assert wire.response([wire.Raw.of(parts), 1]) == wire.response(
        ["<VM_POOL>" + "".join(bodies) + "</VM_POOL>", 1]
    )
    pieces = gather(wire.Raw.of(parts), 1000)
    assert len(pieces) > 10
    assert b"".join(pieces) == whole


def test_multicall_keeps_results_and_faults_apart() -> None:
    document = wire.join_multicall(
        [wire.success("<VM/>"), wire.failure("no", 512), wire.fault(-506, "?"), wire.response("1")]
    )
    results = list(xmlrpc.client.MultiCallIterator(read(document)[:2]))
    assert results == [[True, "<VM/>", 0], [False, "no", 512, -1, -1]]
    assert read(document)[2:] == [{"faultCode": -506, "faultString": "?"}, ["1"]]
    assert read(wire.join_multicall([])) == []


class _Canned:
    """A transport of xmlrpc.client that answers with one prepared document."""

    def __init__(self, document: bytes) -> None:
        self.document = document

    def request(self, host: str, handler: str, body: bytes, verbose: bool = False) -> Any:
        parser, target = xmlrpc.client.getparser()
        parser.feed(self.document)
        parser.close()
        return target.close()


def pyone_reads(document: bytes) -> Any:
    server = OneServerXRPC("http://127.0.0.1/RPC2", session="u:p")
    server._ServerProxy__transport = _Canned(document)
    return server.vm.info(1)


def test_pyone_builds_objects_from_a_document() -> None:
    xml = "<VM><ID>12</ID><NAME>web &amp; more</NAME><STATE>3</STATE></VM>"
    vm = pyone_reads(wire.success(wire.Raw(wire.escape(xml))))
    assert (vm.ID, vm.NAME, vm.STATE) == (12, "web & more", 3)


def test_pyone_reads_numbers_blanks_and_errors() -> None:
    assert pyone_reads(wire.success(7)) == 7
    assert pyone_reads(wire.success("")) == " "
    with pytest.raises(pyone.OneNoExistsException, match=r"Error getting"):
        pyone_reads(wire.failure("[one.vm.info] Error getting virtual machine [1].", 0x0400, 1))
    with pytest.raises(pyone.OneException, match="too few"):
        pyone_reads(wire.fault(-501, "too few"))
