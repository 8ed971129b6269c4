"""Requirement and rank expressions, by which VMs choose hosts, datastores and networks.

Requirements are comparisons joined by ``&``, ``|``, ``!`` and parentheses, as in OpenNebula's
SCHED_REQUIREMENTS: ``&`` and ``|`` bind equally and from the left, so ``a | b & c`` means
``(a | b) & c``; ``!`` takes the comparison or parenthesis right behind it. A comparison with an
attribute that is absent is false, ``!=`` as well. Ranks are arithmetic over attributes.

A compiled expression knows no hosts: it asks a lookup for the values of a name, exactly as the
name is written (quoted names may be paths such as ``CLUSTERS/ID``).
"""

import functools
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Protocol

from innkeeper.model.template_values import as_float, as_int

Lookup = Callable[[str], Sequence[str]]
"""Name to all values of that attribute, in order; empty when it is missing."""

CURRENT_VMS = "CURRENT_VMS"
MAX_DEPTH = 100


class ExpressionError(ValueError):
    """A text that is not an expression: the reason, and the column, which counts from 1."""

    def __init__(self, reason: str, column: int) -> None:
        super().__init__(f"{reason} at column {column}")
        self.reason = reason
        self.column = column


# ---- tokens -------------------------------------------------------------------------------

_pattern = re.compile(
    r"""[ \t\r\n]*(?:
        (?P<number>[0-9]+(?:\.[0-9]+)?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | "(?P<quoted>[^"]*)"
      | (?P<sign>!=|@>|[=<>&|!()+\-*/])
      | (?P<end>\Z)
    )""",
    re.VERBOSE,
)


class _Tokens:
    """The tokens of a text one by one: ``kind`` and ``text`` describe the present one."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._position = 0
        self._depth = 0
        self.names: set[str] = set()
        self.advance()

    def advance(self) -> None:
        found = _pattern.match(self._source, self._position)
        if found is None or found.lastgroup is None:
            rest = self._source[self._position :].lstrip(" \t\r\n")
            self.column = len(self._source) - len(rest) + 1
            if rest.startswith('"'):
                raise self.error("the quoted text has no end")
            raise self.error(f"unexpected character {rest[:1]!r}")
        self.kind = found.lastgroup
        self.text = found[self.kind]
        self.column = found.start(self.kind) + (self.kind != "quoted")
        self._position = found.end()

    def take(self, *signs: str) -> str | None:
        """The present token's text when it is one of these signs, going past it."""
        if self.kind != "sign" or self.text not in signs:
            return None
        sign = self.text
        self.advance()
        return sign

    def take_name(self) -> str | None:
        """The present token as the name of an attribute, going past it."""
        if self.kind not in ("word", "quoted"):
            return None
        name = self.text
        self.names.add(name)
        self.advance()
        return name

    def enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.error(f"parentheses are nested deeper than {MAX_DEPTH}")

    def leave(self) -> None:
        if not self.take(")"):
            raise self.unexpected("')'")
        self._depth -= 1

    def error(self, reason: str) -> ExpressionError:
        return ExpressionError(reason, self.column)

    def unexpected(self, wanted: str) -> ExpressionError:
        found = "the end" if self.kind == "end" else repr(self.text)
        return self.error(f"expected {wanted}, found {found}")


# ---- requirements -------------------------------------------------------------------------


class _Node(Protocol):
    def holds(self, lookup: Lookup) -> bool: ...
    def atoms(self) -> Iterator["_Atom"]: ...


@dataclass(frozen=True, slots=True)
class _Atom:
    """One comparison; ``test`` gets all the values that its name has."""

    name: str
    text: str
    test: Callable[[Sequence[str]], bool]

    def holds(self, lookup: Lookup) -> bool:
        return self.test(lookup(self.name))

    def atoms(self) -> Iterator["_Atom"]:
        yield self


@dataclass(frozen=True, slots=True)
class _Not:
    inner: _Node

    def holds(self, lookup: Lookup) -> bool:
        return not self.inner.holds(lookup)

    def atoms(self) -> Iterator[_Atom]:
        return self.inner.atoms()


@dataclass(frozen=True, slots=True)
class _Chain:
    """Terms joined from left to right; the first counts as joined to a falsehood by ``|``.

    A term is looked at only when it can change the value so far.
    """

    links: tuple[tuple[str, _Node], ...]

    def holds(self, lookup: Lookup) -> bool:
        value = False
        for sign, term in self.links:
            if value == (sign == "&"):
                value = term.holds(lookup)
        return value

    def atoms(self) -> Iterator[_Atom]:
        for _, term in self.links:
            yield from term.atoms()


class Requirement:
    """A compiled requirement; one without text asks for nothing."""

    def __init__(self, text: str, root: _Node | None, names: frozenset[str]) -> None:
        self.text = text
        self.names = names
        self._root = root

    def matches(self, lookup: Lookup) -> bool:
        """Whether the object that the lookup describes fulfils it."""
        return self._root is None or self._root.holds(lookup)

    def explain(self, lookup: Lookup) -> list[tuple[str, str, bool]]:
        """Each comparison in order: its text, what was found for its name, whether it held."""
        if self._root is None:
            return []
        return [
            (atom.text, ", ".join(lookup(atom.name)) or "nothing", atom.holds(lookup))
            for atom in self._root.atoms()
        ]


@functools.lru_cache(maxsize=4096)
def compile_requirement(text: str) -> Requirement:
    """Compile a requirement; an empty text is always fulfilled. Raises ExpressionError."""
    tokens = _Tokens(text)
    if tokens.kind == "end":
        return Requirement(text, None, frozenset())
    root = _chain(tokens)
    if tokens.kind != "end":
        raise tokens.unexpected("'&', '|' or the end")
    return Requirement(text, root, frozenset(tokens.names))


def _chain(tokens: _Tokens) -> _Node:
    links = [("|", _term(tokens))]
    while sign := tokens.take("&", "|"):
        links.append((sign, _term(tokens)))
    return links[0][1] if len(links) == 1 else _Chain(tuple(links))


def _term(tokens: _Tokens) -> _Node:
    negated = False
    while tokens.take("!"):
        negated = not negated
    term: _Node
    if tokens.take("("):
        tokens.enter()
        term = _chain(tokens)
        tokens.leave()
    else:
        term = _comparison(tokens)
    return _Not(term) if negated else term


def _comparison(tokens: _Tokens) -> _Atom:
    name = tokens.take_name()
    if name is None:
        raise tokens.unexpected("the name of an attribute")
    column = tokens.column
    sign = tokens.take("=", "!=", ">", "<", "@>")
    if sign is None:
        raise tokens.unexpected(f"a comparison (=, !=, <, > or @>) after {name}")
    minus = tokens.take("-") or ""
    kind, value = tokens.kind, minus + tokens.text
    if kind not in ("number", "word", "quoted") or (minus and kind != "number"):
        raise tokens.unexpected(f"a value to compare {name} with")
    if name == CURRENT_VMS:
        test = _vm_test(tokens, column, sign, value)
    elif kind == "number":
        test = _number_test(sign, float(value))
    elif sign in "<>":
        raise tokens.unexpected(f"a number after {name} {sign}")
    else:
        test = _text_test(sign, value)
    tokens.advance()
    shown = f'"{value}"' if kind == "quoted" else value
    return _Atom(name, f"{name} {sign} {shown}", test)


def _vm_test(
    tokens: _Tokens, column: int, sign: str, value: str
) -> Callable[[Sequence[str]], bool]:
    """CURRENT_VMS holds the ids of the VMs on a host; no VM there makes ``!=`` true."""
    if sign not in ("=", "!="):
        raise ExpressionError(f"{CURRENT_VMS} can be compared with = and != only", column)
    wanted = as_int(value)
    if wanted is None:
        raise tokens.unexpected(f"the number of a VM to compare {CURRENT_VMS} with")
    present = sign == "="
    return lambda values: any(as_int(found) == wanted for found in values) is present


_compare: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def _number_test(sign: str, wanted: float) -> Callable[[Sequence[str]], bool]:
    """Compare numbers; a found text that is no number compares false."""
    if sign == "@>":
        return lambda values: any(as_float(found) == wanted for found in values)
    compare = _compare[sign]

    def test(values: Sequence[str]) -> bool:
        found = as_float(values[0]) if values else None
        return found is not None and compare(found, wanted)

    return test


def _text_test(sign: str, pattern: str) -> Callable[[Sequence[str]], bool]:
    """Compare texts, by wildcards when there are any; the empty text compares false."""
    if not pattern:
        return lambda values: False
    fits = _fits(pattern)
    if sign == "@>":
        return lambda values: any(map(fits, values))
    if sign == "=":
        return lambda values: bool(values) and fits(values[0])
    return lambda values: bool(values) and not fits(values[0])


def _fits(pattern: str) -> Callable[[str], bool]:
    if not any(wildcard in pattern for wildcard in "*?["):
        return pattern.__eq__
    match = re.compile(translate(pattern)).match
    return lambda found: match(found) is not None


# ---- ranks --------------------------------------------------------------------------------

_Evaluate = Callable[[Lookup], float]


class Rank:
    """A compiled rank; the larger its value, the better the object."""

    def __init__(self, text: str, evaluate: _Evaluate, names: frozenset[str]) -> None:
        self.text = text
        self.names = names
        self._evaluate = evaluate

    def value(self, lookup: Lookup) -> int:
        """The rank of the object that the lookup describes, truncated towards zero.

        An attribute that is missing or no number counts as 0. Where the arithmetic has no
        answer (division by zero, overflow) the whole rank is 0, that is: indifferent.
        """
        try:
            return int(self._evaluate(lookup))
        except (ZeroDivisionError, OverflowError, ValueError):
            return 0


@functools.lru_cache(maxsize=1024)
def compile_rank(text: str) -> Rank:
    """Compile a rank; an empty text ranks everything 0. Raises ExpressionError."""
    tokens = _Tokens(text)
    if tokens.kind == "end":
        return Rank(text, lambda lookup: 0.0, frozenset())
    evaluate = _sum(tokens)
    if tokens.kind != "end":
        raise tokens.unexpected("'+', '-', '*', '/' or the end")
    return Rank(text, evaluate, frozenset(tokens.names))


def _sum(tokens: _Tokens) -> _Evaluate:
    first = _product(tokens)
    rest: list[tuple[str, _Evaluate]] = []
    while sign := tokens.take("+", "-"):
        rest.append((sign, _product(tokens)))

    def evaluate(lookup: Lookup) -> float:
        total = first(lookup)
        for sign, term in rest:
            total = total + term(lookup) if sign == "+" else total - term(lookup)
        return total

    return evaluate if rest else first


def _product(tokens: _Tokens) -> _Evaluate:
    first = _factor(tokens)
    rest: list[tuple[str, _Evaluate]] = []
    while sign := tokens.take("*", "/"):
        rest.append((sign, _factor(tokens)))

    def evaluate(lookup: Lookup) -> float:
        total = first(lookup)
        for sign, factor in rest:
            total = total * factor(lookup) if sign == "*" else total / factor(lookup)
        return total

    return evaluate if rest else first


def _factor(tokens: _Tokens) -> _Evaluate:
    negated = False
    while tokens.take("-"):
        negated = not negated
    if tokens.take("("):
        tokens.enter()
        operand = _sum(tokens)
        tokens.leave()
    else:
        operand = _operand(tokens)
    return (lambda lookup: -operand(lookup)) if negated else operand


def _operand(tokens: _Tokens) -> _Evaluate:
    if tokens.kind == "number":
        constant = float(tokens.text)
        tokens.advance()
        return lambda lookup: constant
    name = tokens.take_name()
    if name is None:
        raise tokens.unexpected("a number or the name of an attribute")

    def attribute(lookup: Lookup) -> float:
        values = lookup(name)
        return (as_float(values[0]) or 0.0) if values else 0.0

    return attribute
