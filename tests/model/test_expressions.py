"""Requirements and ranks, rule by rule, and against a slow literal evaluator."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.model.expressions import (
    MAX_DEPTH,
    ExpressionError,
    compile_rank,
    compile_requirement,
)

HOST = {
    "NAME": ["kvm-03.example.org"],
    "HYPERVISOR": ["kvm"],
    "CLUSTER_ID": ["5"],
    "FREE_CPU": ["350.5"],
    "RUNNING_VMS": ["4"],
    "EMPTY": [""],
    "LABEL": ["gpu", "ssd"],
    "CLUSTERS/ID": ["0", "5", "101"],
    "CURRENT_VMS": ["7", "12"],
}


def lookup(name: str) -> Sequence[str]:
    return HOST.get(name, ())


def matches(text: str) -> bool:
    return compile_requirement(text).matches(lookup)


@pytest.mark.parametrize(
    "text",
    [
        "HYPERVISOR = kvm",
        'HYPERVISOR = "kvm"',
        'HYPERVISOR="k?m"',
        'HYPERVISOR = "[jk]vm"',
        'NAME = "kvm-*"',
        'NAME != "esx*"',
        'EMPTY != "x"',
        "CLUSTER_ID = 5",
        "CLUSTER_ID = 5.0",
        "CLUSTER_ID != 6",
        "CLUSTER_ID > -1",
        "FREE_CPU > 350",
        "FREE_CPU < 350.75",
        "FREE_CPU = 350.5",
        '"CLUSTERS/ID" @> 5',
        '"CLUSTERS/ID" @> 101.0',
        '"CLUSTERS/ID" @> "10?"',
        "LABEL @> ssd",
        "LABEL = gpu",
        'CLUSTER_ID = "5"',
        "CURRENT_VMS = 12",
        "CURRENT_VMS != 13",
        'CURRENT_VMS = "12"',
        "(((CLUSTER_ID = 5)))",
    ],
)
def test_true(text: str) -> None:
    assert matches(text)
    assert not matches(f"!({text})")


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_requirement_asks_for_nothing(text: str) -> None:
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "HYPERVISOR = KVM",
        "HYPERVISOR != kvm",
        "hypervisor = kvm",
        'NAME = "kvm"',
        'HYPERVISOR = "[!k]vm"',
        "CLUSTER_ID = 55",
        "CLUSTER_ID < 5",
        "CLUSTER_ID > 5",
        "HYPERVISOR > 1",
        "HYPERVISOR = 1",
        "HYPERVISOR != 1",
        "MISSING = x",
        "MISSING != x",
        "MISSING != 1",
        "MISSING > 0",
        "MISSING @> 1",
        'HYPERVISOR = ""',
        'HYPERVISOR != ""',
        'EMPTY = ""',
        'LABEL @> ""',
        "LABEL = ssd",
        '"CLUSTERS/ID" @> 6',
        'CLUSTER_ID = "5.0"',
        "CURRENT_VMS = 1",
        "CURRENT_VMS != 7",
    ],
)
def test_false(text: str) -> None:
    assert not matches(text)
    assert matches(f"!({text})")


def test_a_host_without_vms_is_not_missing_its_vms() -> None:
    assert compile_requirement("CURRENT_VMS != 7").matches(lambda name: ())
    assert not compile_requirement("CURRENT_VMS = 7").matches(lambda name: ())


YES, NO = "CLUSTER_ID = 5", "CLUSTER_ID = 6"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{YES} & {YES}", True),
        (f"{YES} & {NO}", False),
        (f"{NO} | {YES}", True),
        (f"{YES} | {YES} & {NO}", False),
        (f"{YES} | ({YES} & {NO})", True),
        (f"{NO} & {YES} | {YES}", True),
        (f"{NO} & ({YES} | {YES})", False),
        (f"!{YES} & {NO}", False),
        (f"!{NO} | {YES} & {NO}", False),
        (f"!({NO} & {NO}) & {YES}", True),
        (f"!!{YES}", True),
        (f"! ! !({YES})", False),
        ("(CLUSTER_ID = 0 | CLUSTER_ID = 5) & !(PIN_POLICY = PINNED)", True),
        ('("CLUSTERS/ID" @> 0 | "CLUSTERS/ID" @> 1) & ("ID" @> 7)', False),
    ],
)
def test_and_and_or_bind_equally_from_the_left(text: str, expected: bool) -> None:
    assert matches(text) is expected


@pytest.mark.parametrize(
    ("text", "reason", "column"),
    [
        ("A", "expected a comparison (=, !=, <, > or @>) after A, found the end", 2),
        ("A =", "expected a value to compare A with, found the end", 4),
        ("A = 1 &", "expected the name of an attribute, found the end", 8),
        ("A = 1 B = 2", "expected '&', '|' or the end, found 'B'", 7),
        ("& A = 1", "expected the name of an attribute, found '&'", 1),
        ("5 = A", "expected the name of an attribute, found '5'", 1),
        ("(A = 1", "expected ')', found the end", 7),
        ("A = 1)", "expected '&', '|' or the end, found ')'", 6),
        ("A = -x", "expected a value to compare A with, found 'x'", 6),
        ('A = "x', "the quoted text has no end", 5),
        ("A == 1", "expected a value to compare A with, found '='", 4),
        ("A = $B", "unexpected character '$'", 5),
        ("A = kvm-1", "expected '&', '|' or the end, found '-'", 8),
        ("A > kvm", "expected a number after A >, found 'kvm'", 5),
        ('A < "5"', "expected a number after A <, found '5'", 5),
        ("CURRENT_VMS > 5", "CURRENT_VMS can be compared with = and != only", 13),
        (
            "CURRENT_VMS = abc",
            "expected the number of a VM to compare CURRENT_VMS with, found 'abc'",
            15,
        ),
    ],
)
def test_errors_say_what_and_where(text: str, reason: str, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_requirement(text)
    assert (caught.value.reason, caught.value.column) == (reason, column)
    assert str(caught.value) == f"{reason} at column {column}"


def test_explanations_list_every_comparison() -> None:
    text = 'HYPERVISOR = "k*" & !(MISSING > 3) | LABEL @> ssd & (CLUSTER_ID != -1)'
    assert compile_requirement(text).explain(lookup) == [
        ('HYPERVISOR = "k*"', "kvm", True),
        ("MISSING > 3", "nothing", False),
        ("LABEL @> ssd", "gpu, ssd", True),
        ("CLUSTER_ID != -1", "5", True),
    ]
    assert compile_requirement("").explain(lookup) == []


def test_names_are_known_before_any_lookup() -> None:
    requirement = compile_requirement('A = 1 & ("CLUSTERS/ID" @> 2 | !B = x)')
    assert requirement.names == {"A", "B", "CLUSTERS/ID"}
    assert compile_rank("A * 2 - B / A").names == {"A", "B"}


def test_compiled_once() -> None:
    assert compile_requirement("A = 1") is compile_requirement("A = 1")
    assert compile_rank("A + 1") is compile_rank("A + 1")


def test_long_expressions_need_no_deep_stack() -> None:
    many = " | ".join(f'"ID" @> {number}' for number in range(20_000))
    assert not matches(many)
    assert matches("!" * 20_000 + YES)
    assert compile_rank(" + ".join(["1"] * 20_000)).value(lookup) == 20_000
    assert compile_rank("-" * 20_001 + "1").value(lookup) == -1


def test_deep_parentheses_are_refused() -> None:
    assert matches("(" * MAX_DEPTH + YES + ")" * MAX_DEPTH)
    depth = MAX_DEPTH + 1
    with pytest.raises(ExpressionError, match="nested deeper"):
        compile_requirement("(" * depth + YES + ")" * depth)
    with pytest.raises(ExpressionError, match="nested deeper"):
        compile_rank("(" * depth + "1" + ")" * depth)


# ---- ranks ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0),
        ("7", 7),
        ("RUNNING_VMS", 4),
        ("-RUNNING_VMS", -4),
        ("FREE_CPU", 350),
        ("-FREE_CPU", -350),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 2 - 3", 5),
        ("24 / 4 / 2", 3),
        ("7 / 2", 3),
        ("2 * -3", -6),
        ("--3", 3),
        ("MISSING + 1", 1),
        ("HYPERVISOR + 1", 1),
        ('"CLUSTERS/ID" + 1', 1),
        ("1.5 + 1.6", 3),
        ("RUNNING_VMS / MISSING", 0),
        ("5 + 1 / 0", 0),
        ("9" * 400, 0),
        ("9" * 400 + " - " + "9" * 400, 0),
    ],
)
def test_ranks(text: str, value: int) -> None:
    assert compile_rank(text).value(lookup) == value


@pytest.mark.parametrize(
    ("text", "reason", "column"),
    [
        ("1 +", "expected a number or the name of an attribute, found the end", 4),
        ("* 2", "expected a number or the name of an attribute, found '*'", 1),
        ("A B", "expected '+', '-', '*', '/' or the end, found 'B'", 3),
        ("(A", "expected ')', found the end", 3),
        ("A = 1", "expected '+', '-', '*', '/' or the end, found '='", 3),
        ("A % 2", "unexpected character '%'", 3),
    ],
)
def test_rank_errors(text: str, reason: str, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_rank(text)
    assert (caught.value.reason, caught.value.column) == (reason, column)


# ---- against a literal evaluator ------------------------------------------------------

Truth = Callable[[dict[str, list[str]]], bool]

names = st.sampled_from(["A", "B", "C", "x/y"])
numbers = st.integers(-3, 3)
found = st.lists(
    numbers.map(str) | st.sampled_from(["", "a", "ab", "1.5", "b*"]), min_size=0, max_size=3
)
hosts = st.dictionaries(names, found)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[str, Truth]:
    name = draw(names)
    if draw(st.booleans()):
        wanted = draw(numbers)
        sign = draw(st.sampled_from(["=", "!=", "<", ">", "@>"]))

        def truth(host: dict[str, list[str]]) -> bool:
            values = host.get(name, [])
            if sign == "@>":
                return any(is_number(value) and float(value) == wanted for value in values)
            if not values or not is_number(values[0]):
                return False
            value = float(values[0])
            return {
                "=": value == wanted,
                "!=": value != wanted,
                "<": value < wanted,
                ">": value > wanted,
            }[sign]

        return f'"{name}" {sign} {wanted}', truth
    pattern = draw(st.sampled_from(["", "a", "a*", "?", "[ab]*", "1", "*"]))
    sign = draw(st.sampled_from(["=", "!=", "@>"]))

    def text_truth(host: dict[str, list[str]]) -> bool:
        values = host.get(name, [])
        if not values or not pattern:
            return False
        if sign == "@>":
            return any(fnmatchcase(value, pattern) for value in values)
        return fnmatchcase(values[0], pattern) is (sign == "=")

    return f'"{name}" {sign} "{pattern}"', text_truth


@st.composite
def chains(draw: st.DrawFn, inner: st.SearchStrategy[tuple[str, Truth]]) -> tuple[str, Truth]:
    """Terms joined without parentheses, evaluated one after the other as they stand."""
    text, truth = draw(inner)
    for sign, (more, other) in draw(
        st.lists(st.tuples(st.sampled_from("&|"), inner), min_size=1, max_size=3)
    ):
        text = f"{text} {sign} {more}"
        truth = joined(truth, sign, other)
    return f"({text})", truth


def joined(left: Truth, sign: str, right: Truth) -> Truth:
    if sign == "&":
        return lambda host: left(host) and right(host)
    return lambda host: left(host) or right(host)


def negated(pair: tuple[str, Truth]) -> tuple[str, Truth]:
    text, truth = pair
    return f"!{text}", lambda host: not truth(host)


requirements = st.recursive(
    comparisons(), lambda inner: chains(inner) | inner.map(negated), max_leaves=8
)


@given(requirements, st.lists(hosts, min_size=1, max_size=5))
def test_requirements_mean_what_they_say(
    pair: tuple[str, Truth], hosts: list[dict[str, list[str]]]
) -> None:
    text, truth = pair
    requirement = compile_requirement(text)
    outermost_open = compile_requirement(text[1:-1]) if text.startswith("(") else requirement
    for host in hosts:
        assert requirement.matches(lambda name, h=host: h.get(name, ())) is truth(host)
        assert outermost_open.matches(lambda name, h=host: h.get(name, ())) is truth(host)


arithmetic = st.recursive(
    st.integers(0, 9).map(str) | st.sampled_from(["2.5", "A", "B"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*"), inner).map(" ".join)
        | inner.map(lambda text: f"({text})")
        | inner.map(lambda text: f"-({text})")
    ),
    max_leaves=10,
)


@given(arithmetic)
def test_ranks_compute_as_python_does(text: str) -> None:
    values = {"A": 3, "B": -7.25}
    expected = int(eval(text, {"__builtins__": {}}, values))
    found = {name: [str(value)] for name, value in values.items()}
    assert compile_rank(text).value(lambda name: found[name]) == expected


EXPRESSION_PIECES = [
    "A",
    "B1",
    '"xy"',
    '"',
    "5",
    "1.5",
    "=",
    "!=",
    "<",
    ">",
    "@>",
    "@",
    "&",
    "|",
    "!",
    "(",
    ")",
    "-",
    "+",
    "*",
    "/",
    "[",
    '"[z-a]*["',
    '"[!]"',
    '"[[a--z]"',
    '"[a&&b||c~~d]"',
    "é",
    ".",
    "_",
]
expression_like = st.lists(st.sampled_from(EXPRESSION_PIECES), max_size=20).map(" ".join)


@given(expression_like | st.text())
def test_any_text_compiles_or_says_what_is_wrong_with_it(text: str) -> None:
    for compiler in (compile_requirement, compile_rank):
        try:
            compiled = compiler(text)
        except ExpressionError as error:
            assert 1 <= error.column <= len(text) + 1
            continue
        for values in ((), ("5",), ("x", "y"), ("",)):
            run = getattr(compiled, "matches", None) or compiled.value
            assert isinstance(run(lambda name, v=values: v), (bool, int))
