"""Templates as values: reading, changing, updating; and the laws that hold for all of them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.model.template import (
    Template,
    TemplateError,
    as_bool,
    as_float,
    as_int,
    number,
)
from tests.model.template_strategies import templates, texts, vectors

EXAMPLE = Template.parse(
    """
    NAME = web
    CPU = 0.5
    DISK = [ IMAGE_ID = 3 ]
    DISK = [ SIZE = 10, TYPE = fs ]
    MIXED = [ A = 1 ]
    MIXED = text
    EMPTY =
    """
)


def test_reading() -> None:
    assert EXAMPLE.get("NAME") == "web"
    assert EXAMPLE.get("name") == "web"
    assert EXAMPLE.get("EMPTY", "other") == ""
    assert EXAMPLE.get("MISSING") is None
    assert EXAMPLE.get("MISSING", "other") == "other"
    assert EXAMPLE.get("DISK") is None
    assert EXAMPLE.get("MIXED") == "text"
    assert EXAMPLE.vector("DISK") == {"IMAGE_ID": "3"}
    assert EXAMPLE.vector("NAME") is None
    assert EXAMPLE.vectors("DISK") == ({"IMAGE_ID": "3"}, {"SIZE": "10", "TYPE": "fs"})
    assert EXAMPLE.vectors("MISSING") == ()
    assert EXAMPLE.values("MIXED") == ({"A": "1"}, "text")
    assert "DISK" in EXAMPLE
    assert "disk" in EXAMPLE
    assert "MISSING" not in EXAMPLE
    assert 7 not in EXAMPLE


def test_changing_returns_another_template() -> None:
    before = EXAMPLE.to_plain()
    assert EXAMPLE.with_("NAME", "a", "b").values("NAME") == ("a", "b")
    assert EXAMPLE.with_("NAME").get("NAME") is None
    assert EXAMPLE.adding("NAME", "b").values("NAME") == ("web", "b")
    assert EXAMPLE.adding("NEW", {"A": "1"}).vector("NEW") == {"A": "1"}
    assert "NAME" not in EXAMPLE.without("name", "MISSING")
    assert set(EXAMPLE.only(["name", "DISK", "MISSING"]).attributes) == {"NAME", "DISK"}
    assert EXAMPLE.to_plain() == before


def test_what_is_stored_is_normalised() -> None:
    template = Template().with_("xml thing".replace(" ", "_"), " padded\n")
    assert template.attributes == {"ONE_XML_THING": ("padded",)}
    assert Template().adding("v", {"a": " 1 ", "A": "2"}).attributes == {"V": ({"A": "1"},)}


def test_control_characters_of_foreign_messages_do_not_break_documents() -> None:
    template = Template().with_("ERROR", "\x1b[31mfailed\x00").with_("V", {"A": "\x07"})
    assert Template.parse(template.to_xml()) == template
    assert template.get("ERROR") == "\ufffd[31mfailed\ufffd"


@pytest.mark.parametrize("name", ["", "A-B", "A B", "Ä", "A=1\nB"])
def test_a_name_that_is_none_cannot_be_stored(name: str) -> None:
    with pytest.raises(ValueError, match="attribute name"):
        Template().with_(name, "1")


def test_it_survives_serialisation() -> None:
    assert msgspec.json.decode(msgspec.json.encode(EXAMPLE), type=Template) == EXAMPLE


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("A = 9", "A = 9\nC = [ X = 1 ]"),
        ("A =", "A =\nC = [ X = 1 ]"),
        ("A = []", "C = [ X = 1 ]"),
        ("C = []\nD = []", "A = 1\nA = 2"),
        ("C = [ Y = 2 ]\nC = []", "A = 1\nA = 2\nC = [ Y = 2 ]"),
        ("B = 3", "A = 1\nA = 2\nB = 3\nC = [ X = 1 ]"),
        ("", "A = 1\nA = 2\nC = [ X = 1 ]"),
    ],
)
def test_merging(new: str, expected: str) -> None:
    old = Template.parse("A = 1\nA = 2\nC = [ X = 1 ]")
    assert old.merged(Template.parse(new)) == Template.parse(expected)


@given(templates())
def test_the_plain_dump_parses_back(template: Template) -> None:
    assert Template.parse(template.to_plain()) == template


@given(templates(vectors.filter(bool)))
def test_the_xml_rendering_parses_back(template: Template) -> None:
    assert Template.parse(template.to_xml("ANY")) == template


@given(templates(), templates(), templates())
def test_merging_laws(old: Template, new: Template, newer: Template) -> None:
    merged = old.merged(new)
    assert merged.merged(new) == merged
    assert old.merged(Template()) == old
    assert set(merged.attributes) <= set(old.attributes) | set(new.attributes)
    for name, values in new.attributes.items():
        assert merged.values(name) == tuple(value for value in values if value != {})
    for name in set(old.attributes) - set(new.attributes):
        assert merged.values(name) == old.values(name)
    overlaid = new.merged(newer)
    if {} not in [value for values in newer.attributes.values() for value in values]:
        assert old.merged(overlaid) == merged.merged(newer)


@given(templates(), st.sampled_from(["A", "B", "X"]), texts | vectors)
def test_adding_then_removing_leaves_the_rest(template: Template, name: str, value: object) -> None:
    rest = template.without(name)
    assert template.with_(name, value).without(name) == rest
    assert template.adding(name, value).values(name) == (*template.values(name), value)


plain_like = st.lists(
    st.sampled_from(list("Ab1_ =[],\"\\\n\t#<>]'é\x00\r"))
    | st.sampled_from(["A = 1\n", "B=[C=", "]]>"]),
    max_size=40,
).map("".join)
XML_PIECES = [
    "<A>",
    "</A>",
    "<B>",
    "</B>",
    "<A/>",
    "<![CDATA[",
    "]]>",
    "&lt;",
    "&x;",
    "<!--",
    "-->",
    "x",
    "=",
    "é",
    "&#1;",
    "\x00",
    "<?p?>",
    "]>",
    "<!DOCTYPE|A|[",
    "<!ENTITY|b|'c'>",
]
xml_like = st.lists(
    st.sampled_from([piece.replace("|", " ") for piece in XML_PIECES]) | st.sampled_from(" \n"),
    max_size=25,
).map(lambda parts: "<" + "".join(parts)[1:])


@given(plain_like | xml_like | st.text())
def test_any_text_parses_or_says_what_is_wrong_with_it(text: str) -> None:
    try:
        template = Template.parse(text)
    except TemplateError as error:
        assert 1 <= error.line <= text.count("\n") + text.count("\r") + 1
        assert error.column >= 1
        return
    assert Template.parse(template.to_plain()) == template


@given(st.binary())
def test_any_bytes_parse_or_say_what_is_wrong_with_them(data: bytes) -> None:
    for encoding in ("latin-1", "utf-8"):
        try:
            Template.parse(data.decode(encoding, "surrogateescape"))
        except TemplateError:
            continue


@pytest.mark.parametrize("text", ["YES", "yes", "Yes"])
def test_true(text: str) -> None:
    assert as_bool(text)


@pytest.mark.parametrize("text", ["NO", "true", "1", "", "YES ", None])
def test_false(text: str | None) -> None:
    assert not as_bool(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("-7", -7), ("+7", 7), ("007", 7), ("9223372036854775807", 2**63 - 1)]
    + [(bad, None) for bad in ("", " 1", "1 ", "1.0", "1_0", "0x1", "٣", "one")]
    + [("9223372036854775808", None), ("9" * 5000, None), (None, None)],
)
def test_integers(text: str | None, value: int | None) -> None:
    assert as_int(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0.0), ("-0.5", -0.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1", 1.0)]
    + [(bad, None) for bad in ("", "nan", "inf", "1e999", "1_0", "1,5", " 1", ".", None)],
)
def test_floats(text: str | None, value: float | None) -> None:
    assert as_float(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.5, "0.5"), (1.234, "1.23"), (1.999, "2"), (100, "100"), (-2.5, "-2.5")],
)
def test_printing_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_printing_extreme_numbers() -> None:
    assert number(-0.001) == number(0.0) == "0"
    assert number(1e20) == "1" + "0" * 20
