"""What objects may be called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.model.errors import BadValue
from innkeeper.model.names import check_name, is_host_name


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("web-1", "vm"),
        ("two words", "image"),
        ("a.b@c*d[e](f)+g=h,i~j%k^l?", "template"),
        ("größe 日本", "network"),
        ("n" * 128, "image"),
        ("ann", "user"),
        ("ann@example.org", "USER"),
        ("host-1", "host"),
        ("kvm3.dc.example.org", "HOST"),
        ("192.168.1.20", "host"),
        ("one two", "users of it"),
    ],
)
def test_good_names(text: str, what: str) -> None:
    check_name(text, what)


@pytest.mark.parametrize("character", [*"&|:\\\";/'#{}$<>\t\n\v\f\r", "\x00", "\x7f", "\ud800"])
@pytest.mark.parametrize("what", ["vm", "user", "host"])
def test_forbidden_characters(character: str, what: str) -> None:
    with pytest.raises(BadValue) as caught:
        check_name(f"a{character}b", what)
    assert str(caught.value).endswith(f"must not have the character {character!r}")


@pytest.mark.parametrize(
    ("text", "what", "problem"),
    [
        ("", "image", "image name '' must not be empty"),
        ("  ", "image", "image name '  ' must not be empty"),
        ("n" * 129, "vm", f"vm name '{'n' * 37}...' has 129 characters, 128 are allowed"),
        ("ann lee", "user", "user name 'ann lee' must not have blanks"),
        ("the staff", "GROUP", "GROUP name 'the staff' must not have blanks"),
    ],
)
def test_problems_name_the_kind_and_the_rule(text: str, what: str, problem: str) -> None:
    with pytest.raises(BadValue) as caught:
        check_name(text, what)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    "text",
    ["-a", "a-", "a..b", ".a", "a.", "a_b", "a b", "é", "a" * 64, "a@b"],
)
def test_hosts_need_host_names(text: str) -> None:
    assert not is_host_name(text)
    with pytest.raises(BadValue, match="must be a host name"):
        check_name(text, "host")
    check_name(text, "image")


def test_a_host_name_may_be_long_but_not_too_long() -> None:
    assert is_host_name(".".join(["a" * 63] * 3))
    assert not is_host_name(".".join(["a" * 63] * 4))


@given(st.text(max_size=140), st.sampled_from(["vm", "user", "group", "host"]))
def test_accepted_names_are_safe_in_documents_and_commands(text: str, what: str) -> None:
    try:
        check_name(text, what)
    except BadValue:
        return
    assert 1 <= len(text) <= 128
    assert not set(text) & set("&|:\\\";/'#{}$<>\t\n\v\f\r\x00")
    assert what != "host" or text.isascii()
