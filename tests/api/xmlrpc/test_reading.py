"""Calls as they come in: the peer is the standard library's client, the enemy is everybody else."""

from __future__ import annotations

import random
import xmlrpc.client
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.api.xmlrpc.reading import DEEPEST, MOST_VALUES
from innkeeper.api.xmlrpc.wire import MALFORMED, CallError, parse_call

EARLIEST = datetime.fromisoformat("1000-01-01")  # the peer writes earlier years too short
XML_TEXT = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\r\ufffe\uffff", min_codepoint=32)
    | st.sampled_from("\t\n"),
    max_size=40,
)
SCALARS = (
    st.integers(-(2**31), 2**31 - 1)
    | st.booleans()
    | XML_TEXT
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.binary(max_size=40)
    | st.none()
    | st.datetimes(EARLIEST).map(lambda moment: moment.replace(microsecond=0))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(XML_TEXT, inner, max_size=4),
    max_leaves=20,
)


def call(inner: str, name: str = "one.vm.info") -> bytes:
    """A call whose parameters are the XML in `inner`."""
    return (
        f"<methodCall><methodName>{name}</methodName><params>{inner}</params></methodCall>"
    ).encode()


def one(value: str) -> Any:
    """What a single <value> with this inside is read as."""
    _, params = parse_call(call(f"<param><value>{value}</value></param>"))
    assert len(params) == 1
    return params[0]


def refusal(body: bytes) -> str:
    with pytest.raises(CallError) as caught:
        parse_call(body)
    assert caught.value.code == MALFORMED
    assert caught.value.text.startswith("malformed call: ")
    return caught.value.text


@given(st.lists(VALUES, max_size=5))
@settings(max_examples=150, deadline=None)
def test_whatever_the_standard_client_sends_arrives(params: list[Any]) -> None:
    body = xmlrpc.client.dumps(tuple(params), "one.vm.allocate", allow_none=True).encode()
    name, got = parse_call(body)
    assert name == "one.vm.allocate"
    assert got == params
    assert [type(item) for item in got] == [type(item) for item in params]


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("  kept  ", "  kept  "),
        ("<string/>", ""),
        ("<string><![CDATA[<VM> & ]]]]><![CDATA[>]]></string>", "<VM> & ]]>"),
        ("a<!-- nothing -->b", "ab"),
        ("<string>a<?target nothing?>b</string>", "ab"),
        ("<string>&lt;&#65;&#x42;&gt;</string>", "<AB>"),
        ("\n  <int> 42 </int>\n", 42),
        ("<i4>-2147483648</i4>", -(2**31)),
        ("<int>+7</int>", 7),
        ("<i8>9223372036854775807</i8>", 2**63 - 1),
        ("<boolean>1</boolean>", True),
        ("<boolean>0</boolean>", False),
        ("<double>-1.5e3</double>", -1500.0),
        ("<base64>\n aGVs\n bG8= </base64>", b"hello"),
        (
            "<dateTime.iso8601>19980717T14:08:55</dateTime.iso8601>",
            datetime.fromisoformat("1998-07-17T14:08:55"),
        ),
        ("<nil/>", None),
        ("<array><data/></array>", []),
        ("<array>\n<data>\n<value>x</value>\n<value><i4>1</i4></value></data></array>", ["x", 1]),
        ("<struct/>", {}),
        ("<struct><member><name> k </name><value>v</value></member></struct>", {" k ": "v"}),
        ("<struct><member><value>v</value><name>k</name></member></struct>", {"k": "v"}),
    ],
)
def test_values(xml: str, expected: object) -> None:
    got = one(xml)
    assert got == expected
    assert type(got) is type(expected)


def test_attributes_mean_nothing() -> None:
    body = b'<methodCall xmlns:ex="urn:x"><methodName a="b">m</methodName></methodCall>'
    assert parse_call(body) == ("m", [])


@pytest.mark.parametrize(
    "body",
    [
        '<?xml version="1.0" encoding="ISO-8859-1"?>'.encode("ascii")
        + call("<param><value>é</value></param>").decode().encode("latin-1"),
        b'<?xml version="1.0" encoding="windows-1252"?>'
        + call("<param><value>é</value></param>").decode().encode("cp1252"),
        b'<?xml version="1.0" encoding="utf-8"?>' + call("<param><value>é</value></param>"),
        b"\xef\xbb\xbf" + call("<param><value>é</value></param>"),
        ('<?xml version="1.0"?>' + call("<param><value>é</value></param>").decode()).encode(
            "utf-16"
        ),
        call("<param><value>é</value></param>").decode().encode("utf-16-le"),
        call("<param><value>é</value></param>").decode().encode("utf-16-be"),
    ],
)
def test_encodings(body: bytes) -> None:
    assert parse_call(body) == ("one.vm.info", ["é"])


ENTITY_BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {c} "{("&" + chr(ord(c) - 1) + ";") * 10}">' for c in "bcdefghij")
    + "]>"
)


@pytest.mark.parametrize(
    "prolog",
    [
        ENTITY_BOMB,
        '<?xml version="1.0"?>\n<!-- <methodCall> --><?x <methodCall?>' + ENTITY_BOMB,
        "<!DOCTYPE methodCall>",
        '<!DOCTYPE methodCall SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/"> %p;]>',
        "<!DOCTYPE" + " " * 100_000 + "a [<!ENTITY j 'x'>]>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_no_document_type_is_read(prolog: str, encoding: str) -> None:
    body = prolog + call("<param><value>&j;</value></param>").decode()
    assert "DTD" in refusal(body.encode(encoding))


def test_words_about_a_document_type_are_harmless_inside() -> None:
    assert one("<![CDATA[<!DOCTYPE x [<!ENTITY]>]]>") == "<!DOCTYPE x [<!ENTITY]>"
    assert one("&lt;!DOCTYPE") == "<!DOCTYPE"
    refusal(call("<!DOCTYPE a><param><value>x</value></param>"))


@pytest.mark.parametrize(
    ("xml", "hint"),
    [
        ("<int>x</int>", "<int>: expected a 32-bit integer, got 'x'"),
        ("<int>2147483648</int>", "32-bit"),
        ("<int>1_000</int>", "32-bit"),
        ("<int>" + "9" * 5000 + "</int>", "32-bit"),
        ("<int>٣</int>", "32-bit"),
        ("<int/>", "32-bit"),
        ("<i8>9223372036854775808</i8>", "64-bit"),
        ("<boolean>true</boolean>", "0 or 1"),
        ("<double>nan</double>", "double"),
        ("<double>1e999</double>", "double"),
        ("<double>.</double>", "double"),
        ("<base64>a</base64>", "base64"),
        ("<base64>é===</base64>", "base64"),
        ("<dateTime.iso8601>19981317T14:08:55</dateTime.iso8601>", "date"),
        ("<dateTime.iso8601>today</dateTime.iso8601>", "date"),
        ("<nil>0</nil>", "nothing inside nil"),
        ("<array/>", "without <data>"),
        ("<array><data/><data/></array>", "second value in <array>"),
        ("<array><value>1</value></array>", "<value> has no place in <array>"),
        ("<int>1</int><int>2</int>", "second value in <value>"),
        ("x<int>1</int>", "text has no place in <value>"),
        ("<int>1</int>x", "text has no place in <value>"),
        ("<int><int>1</int></int>", "no place in <int>"),
        ("<value>x</value>", "no place in <value>"),
        ("<float>1</float>", "<float> has no place"),
        ("<struct><member><name>a</name></member></struct>", "one <name> and one <value>"),
        ("<struct><member><value>a</value></member></struct>", "one <name> and one <value>"),
        ("<struct><member><name/><name/><value/></member></struct>", "one <name> and one <value>"),
        ("<struct><member><name/><value/><value/></member></struct>", "one <name> and one <value>"),
        ("<struct><value>a</value></struct>", "no place in <struct>"),
        ("<struct>" + "<member><name>a</name><value/></member>" * 2 + "</struct>", "there twice"),
        ("&undefined;", "undefined entity"),
        ("&#0;", "invalid character"),
        ("&#xD800;", "invalid character"),
        ("\x01", "not well-formed"),
        ("\0", "not well-formed"),
        ("]]>", "not well-formed"),
    ],
)
def test_refused_values(xml: str, hint: str) -> None:
    assert hint in refusal(call(f"<param><value>{xml}</value></param>"))


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b"", "empty"),
        (b"   ", "no element found"),
        (b"hello", "syntax error"),
        (b"<methodResponse/>", "no place in the document"),
        (b"<value>1</value>", "no place in the document"),
        (b"<methodCall/>", "without a <methodName>"),
        (b"<methodCall><params/></methodCall>", "without a <methodName>"),
        (b"<methodCall><methodName/></methodCall>", "expected a method name"),
        (b"<methodCall><methodName>a b</methodName></methodCall>", "expected a method name"),
        (b"<methodCall>" + b"<methodName>a</methodName>" * 2 + b"</methodCall>", "second"),
        (b"<methodCall><methodName>a</methodName>x</methodCall>", "text has no place"),
        (
            b"<methodCall><methodName>a</methodName><params/><params/></methodCall>",
            "second <params>",
        ),
        (call("<param/>"), "without a value"),
        (call("<param><value/><value/></param>"), "second value in <param>"),
        (call("<value/>"), "no place in <params>"),
        (call("")[:-3], "unclosed token"),
        (call("") + call(""), "junk after document"),
        (call("<param>"), "mismatched tag"),
        (b"\xff\xff" + call(""), "not well-formed"),
        (call("<param><value>\xe9</value></param>").decode().encode("latin-1"), "not well-formed"),
        (b"\xff\xfe<\0m", "encoding"),
        (b'<?xml version="1.0" encoding="UTF-16"?>' + call(""), "encoding"),
        (b'<?xml version="1.0" encoding="utf-7"?>' + call(""), "encoding"),
        (b'<?xml version="1.0" encoding="zip"?>' + call(""), "encoding"),
        (b'<?xml version="1.0" encoding="iso-8859-99"?>' + call(""), "encoding"),
    ],
)
def test_refused_documents(body: bytes, hint: str) -> None:
    assert hint in refusal(body)


@pytest.mark.parametrize("unit", ["\ud800", "\udc00", "\ud800\ud800", "\ud800x", "\udc00\ud800"])
def test_lone_surrogates_in_utf_16_are_refused(unit: str) -> None:
    good = call("<param><value>HERE</value></param>").decode()
    for codec in ("utf-16", "utf-16-le", "utf-16-be"):
        refusal(good.replace("HERE", unit).encode(codec, "surrogatepass"))


def test_the_text_of_a_refusal_says_where() -> None:
    body = call("\n<param>\n<value><int>x</int></value></param>")
    assert refusal(body).endswith("(line 3, column 19)")


def test_nesting_is_bounded() -> None:
    def nested(depth: int) -> bytes:
        return call(
            "<param>"
            + "<value><array><data>" * depth
            + "</data></array></value>" * depth
            + "</param>"
        )

    fitting = (DEEPEST - 3) // 3
    parse_call(nested(fitting))
    assert "deeper" in refusal(nested(fitting + 1))
    assert "deeper" in refusal(nested(200_000))


def test_the_number_of_values_is_bounded() -> None:
    assert "more than" in refusal(call("<param><value/></param>" * (MOST_VALUES + 1)))


def test_every_truncation_is_refused() -> None:
    body = xmlrpc.client.dumps(("u:p", 1, [True, {"a": b"b", "c": 1.5}]), "m").strip().encode()
    for length in range(len(body)):
        refusal(body[:length])


def test_one_large_string() -> None:
    text = "<&\n" * 1_000_000
    body = xmlrpc.client.dumps((text,), "m").encode()
    assert parse_call(body) == ("m", [text])


def test_fuzz_raises_nothing_else() -> None:
    """Bytes of a good call changed, cut, repeated and mixed: an answer or a CallError."""
    rng = random.Random(2633)
    seed = xmlrpc.client.dumps(
        ("user:secret", 5, True, [1.5, {"a": b"raw", "b": ["é", None]}], EARLIEST),
        "one.vm.info",
        allow_none=True,
    ).encode()
    markup = "<value> </value> <![CDATA[ ]]> <!DOCTYPE & <!-- <array><data> &#xD800; \0 <?xml"
    pieces = [*markup.encode().split(), b"\xff\xfe", b"<?xml version='1.0' encoding='utf-16'?>"]
    refused = 0
    for _ in range(2000):
        body = bytearray(seed)
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(body) + 1)
            change = rng.randrange(4)
            if change == 0:
                body[place : place + 1] = bytes([rng.randrange(256)])
            elif change == 1:
                body[place:place] = rng.choice(pieces)
            elif change == 2:
                del body[place : place + rng.randint(1, 30)]
            else:
                body[place:place] = body[place : place + rng.randint(1, 60)]
        try:
            name, params = parse_call(bytes(body))
        except CallError as error:
            refused += 1
            assert error.code == MALFORMED
        else:
            assert name
            assert isinstance(params, list)
    assert refused > 500
