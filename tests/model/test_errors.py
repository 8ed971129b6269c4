"""Refusals have the parts of what is wrong; the sentences that people read are made of these."""

import ast
from collections.abc import Iterator
from pathlib import Path

import innkeeper
from innkeeper.model.errors import (
    BadValue,
    Mistake,
    cannot_allocate,
    invalid,
    must_be,
    not_found,
)

SOURCES = [
    path
    for room in ("commands", "model", "api/v1")
    for path in Path(innkeeper.__file__).parent.joinpath(room).rglob("*.py")
]


def test_a_mistake_is_a_sentence() -> None:
    assert must_be("SIZE", "a whole number", "x") == Mistake("SIZE", "a whole number", "'x'")
    assert str(must_be("SIZE", "a whole number", "x")) == "SIZE must be a whole number, not 'x'"
    assert str(must_be("rc", "0 or 1", 2)) == "rc must be 0 or 1, not 2"
    assert str(Mistake("NAME", "a text", "nothing")) == "NAME is missing: a text is expected"


def test_refusals_have_them() -> None:
    wrong = must_be("FS", "ext4", "x")
    refusal = cannot_allocate("image", wrong)
    assert refusal.text == "Error allocating a new image. FS must be ext4, not 'x'."
    assert refusal.mistake is wrong
    assert invalid(wrong).mistake is wrong and invalid("in use").mistake is None
    assert not_found("host", 7).mistake == Mistake("host", "the number of one that is there", "7")
    assert invalid(f"AR: {wrong}", mistake=wrong).text == "AR: FS must be ext4, not 'x'"
    assert BadValue(wrong).mistake is wrong and str(BadValue(wrong)) == str(wrong)


def sentences() -> Iterator[str]:
    """All texts in the rooms that refuse which tell of a mistake without having its parts."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr) and path.name != "errors.py":
                text = "".join(
                    str(part.value) for part in node.values if isinstance(part, ast.Constant)
                )
                if " must be " in text and ", not " in text:
                    yield f"{path.name}:{node.lineno}"


def test_nobody_writes_such_a_sentence_himself() -> None:
    assert list(sentences()) == []
