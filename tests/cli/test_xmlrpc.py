import xmlrpc.client

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.xmlrpc import Refused, decode_reply, encode_call

carried_by_xml = st.text(
    st.characters(blacklist_categories=("Cs", "Cc")) | st.sampled_from("\t\r\n")
)
values = (
    st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | carried_by_xml
    | st.lists(st.integers(0, 1000), max_size=3)
)


@given(st.lists(values, max_size=5))
def test_the_standard_library_reads_back_what_is_encoded(params: list[object]) -> None:
    read, method = xmlrpc.client.loads(encode_call("one.vm.info", params))  # type: ignore[arg-type]
    assert method == "one.vm.info"
    assert [(type(value), value) for value in read] == [(type(value), value) for value in params]


def test_a_number_beyond_32_bits_is_an_i8() -> None:
    assert b"<i8>4294967296</i8>" in encode_call("one.x", [2**32])


def test_text_that_xml_cannot_carry_is_refused_before_it_is_sent() -> None:
    with pytest.raises(CliError, match="0x07") as caught:
        encode_call("one.x", ["ring\a"])
    assert caught.value.code == ExitCode.USAGE


@given(carried_by_xml | st.integers(-(2**31), 2**31 - 1) | st.booleans())
def test_the_value_of_a_success_is_decoded(value: object) -> None:
    reply = xmlrpc.client.dumps(([True, value, 0],), methodresponse=True, allow_none=True)
    # XML reads a bare carriage return as a newline, and the library writes it bare.
    expected = value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value
    assert decode_reply(reply.encode()) == expected


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        (0x0100, ExitCode.NOT_ALLOWED),
        (0x0200, ExitCode.NOT_ALLOWED),
        (0x0400, ExitCode.NOT_FOUND),
        (0x0800, ExitCode.FAILED),
        (0x4000, ExitCode.FAILED),
    ],
)
def test_a_refusal_keeps_its_code_and_drops_the_method(code: int, exit_code: ExitCode) -> None:
    reply = xmlrpc.client.dumps(
        ([False, "[one.vm.info] Error getting VM [9].", code, 9, -1],), methodresponse=True
    )
    with pytest.raises(Refused, match=r"^Error getting VM \[9\]\.$") as caught:
        decode_reply(reply.encode())
    assert (caught.value.code, caught.value.server_code) == (exit_code, code)


def test_a_fault_is_told_with_its_number() -> None:
    fault = xmlrpc.client.dumps(xmlrpc.client.Fault(-501, "too few parameters"))
    with pytest.raises(CliError, match=r"too few parameters \(fault -501\)"):
        decode_reply(fault.encode())


def test_a_method_that_the_front_end_lacks_is_told_apart() -> None:
    fault = xmlrpc.client.dumps(xmlrpc.client.Fault(-506, "Method 'one.x' not defined"))
    with pytest.raises(CliError, match=r"this front end cannot do that: Method .one\.x."):
        decode_reply(fault.encode())


@pytest.mark.parametrize("answer", [b"<html>", b"hello", b"", b"<methodResponse/>"])
def test_an_answer_of_something_else_is_no_front_end(answer: bytes) -> None:
    with pytest.raises(CliError) as caught:
        decode_reply(answer)
    assert caught.value.code == ExitCode.UNREACHABLE
