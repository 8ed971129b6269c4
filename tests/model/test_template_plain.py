"""The plain form, rule by rule."""

import pytest

from innkeeper.model.template import Template, TemplateError


def attributes(text: str) -> dict:
    return Template.parse(text).attributes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("\n\n  \n", {}),
        ("A = 1", {"A": ("1",)}),
        ("A=1\nB=2\n", {"A": ("1",), "B": ("2",)}),
        ("A=1\r\nB=2\r\n", {"A": ("1",), "B": ("2",)}),
        ("a_1 = x", {"A_1": ("x",)}),
        ("A =\nB = 2", {"A": ("",), "B": ("2",)}),
        ("A =", {"A": ("",)}),
        ("A =   ", {"A": ("",)}),
        ('A = ""', {"A": ("",)}),
        ("A = 1\nA = 2\nB = 3\nA = 4", {"A": ("1", "2", "4"), "B": ("3",)}),
        ("A = 1 B = 2", {"A": ("1",), "B": ("2",)}),
    ],
)
def test_single_attributes(text: str, expected: dict) -> None:
    assert attributes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A = [ B = 1, C = 2 ]", {"B": "1", "C": "2"}),
        ("A=[B=1,C=2]", {"B": "1", "C": "2"}),
        ("A = [\n  B = 1,\n  C = 2\n]\n", {"B": "1", "C": "2"}),
        ("A =\n[ B = 1 ]", {"B": "1"}),
        ("A = [ B = 1\n,\nC = 2 ]", {"B": "1", "C": "2"}),
        ('A = [ B = "" ]', {"B": ""}),
        ("A = []", {}),
        ("A = [ \n ]", {}),
        ("A = [ b = 1, B = 2 ]", {"B": "1"}),
        ("A = [ B = 1, # first\n C = 2 # second\n ]", {"B": "1", "C": "2"}),
    ],
)
def test_vectors(text: str, expected: dict) -> None:
    assert attributes(text) == {"A": (expected,)}


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("1st", "ONE_1ST"),
        ("xml", "ONE_XML"),
        ("XmlThing", "ONE_XMLTHING"),
        ("xm", "XM"),
        ("_x", "_X"),
        ("one_1", "ONE_1"),
    ],
)
def test_names_that_xml_could_not_carry_get_a_prefix(name: str, stored: str) -> None:
    assert attributes(f"{name} = 1") == {stored: ("1",)}
    assert attributes(f"V = [ {name} = 1 ]") == {"V": ({stored: "1"},)}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"two words"', "two words"),
        ('"a = [ b, c ] # d"', "a = [ b, c ] # d"),
        ('"line\nline"', "line\nline"),
        (r'"say \"hi\""', 'say "hi"'),
        (r'"C:\dir\new"', r"C:\dir\new"),
        (r'"two \\ slashes"', r"two \\ slashes"),
        (r'"a \\" b"', r"a \" b"),
        ('"  padded\n "', "padded"),
        ("C:\\", "C:\\"),
        ('it"s', 'it"s'),
        ("http://x/y?z;w", "http://x/y?z;w"),
        ('"ünïcode \U0001f600"', "ünïcode \U0001f600"),
    ],
)
def test_values(written: str, value: str) -> None:
    assert attributes(f"A = {written}\nB = 2") == {"A": (value,), "B": ("2",)}
    assert attributes(f"A = [ X = {written}, Y = 2 ]") == {"A": ({"X": value, "Y": "2"},)}


@pytest.mark.parametrize(
    "text",
    [
        "# nothing",
        "# one\n  # two\n",
        '# A = "unfinished\n',
    ],
)
def test_comments_alone(text: str) -> None:
    assert attributes(text) == {}


def test_comments_after_values() -> None:
    text = 'A = 1 # one\nB = "two # not a comment" # two\nC = [ X = 1 ] # three'
    assert attributes(text) == {"A": ("1",), "B": ("two # not a comment",), "C": ({"X": "1"},)}


@pytest.mark.parametrize(
    ("text", "reason", "line", "column"),
    [
        ("A", "expected NAME = value", 1, 1),
        ("A = 1\nB", "expected NAME = value", 2, 1),
        ("A = two words", "expected NAME = value", 1, 9),
        ("= 1", "expected NAME = value", 1, 1),
        ("A-B = 1", "expected NAME = value", 1, 1),
        ("Ä = 1", "expected NAME = value", 1, 1),
        (" <A>1</A>", "expected NAME = value", 1, 2),
        ("A = , B", "expected a value for A", 1, 5),
        ("A = # no value", "expected a value for A", 1, 5),
        ('A = "open\nB = 2', "the quoted value of A has no end", 1, 5),
        ('A = "ends in \\"\n', "the quoted value of A has no end", 1, 5),
        ("A = [ B = 1", "expected ',' or ']' after the value of B", 1, 12),
        ("A = [ B = 1 C = 2 ]", "expected ',' or ']' after the value of B", 1, 12),
        ("A = [ B = 1, ]", "expected NAME = value", 1, 14),
        ("A = [ B = , C = 1 ]", "expected a value for B", 1, 11),
        ("A = [ B = \n 1 ]", "expected a value for B", 1, 11),
        ("A = [\n  B = [ C = 1 ] ]", "expected a value for B", 2, 7),
        ('A = "x]]>y"', "']]>' is not allowed", 1, 7),
        ("A = 1\nB = \x01", "character U+0001 is not allowed", 2, 5),
        ("A = ü\ud800", "character U+D800 is not allowed", 1, 6),
        ("A = \uffff", "character U+FFFF is not allowed", 1, 5),
        ("\ufeffA = 1", "expected NAME = value", 1, 1),
    ],
)
def test_errors_say_what_and_where(text: str, reason: str, line: int, column: int) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse(text)
    error = caught.value
    assert (error.reason, error.line, error.column) == (reason, line, column)
    assert str(error) == f"{reason} at line {line}, column {column}"


def test_plain_dump_is_sorted_and_escaped() -> None:
    template = Template.parse('C = [ Y = 2, X = "a\\"b" ]\nB = 2\nB = 1\nA =\nD = []')
    assert template.to_plain() == ('A=""\nB="2"\nB="1"\nC=[\n  X="a\\"b",\n  Y="2" ]\nD=[]\n')


def test_a_backslash_at_the_end_survives_the_dump() -> None:
    template = Template.parse("A = C:\\\nB = 2")
    assert Template.parse(template.to_plain()) == template


def test_long_hostile_texts_are_read_in_linear_time() -> None:
    """Each of these would take hours if the expressions could backtrack."""
    size = 200_000
    for text in ("#" * size + "\n" + " " * size + "!", 'A = "' + "\\" * size, "A=[" + " \n" * size):
        with pytest.raises(TemplateError):
            Template.parse(text)
