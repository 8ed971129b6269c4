"""The sentences by which refusals tell of mistakes can be read back into their parts, wherever they are written."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import innkeeper
from innkeeper.model.errors import Code, Mistake, Refusal, cannot_allocate, mistake_in, not_found

SOURCES = [
    path
    for room in ("commands", "model")
    for path in Path(innkeeper.__file__).parent.joinpath(room).rglob("*.py")
]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("SIZE must be a whole number above 0, not 'x'", ("SIZE", "a whole number above 0", "'x'")),
        ("FS of a DISK must be one of a, b, not 'c, not d'.", ("FS of a DISK", "one of a, b", "'c, not d'")),
        ("template is missing", ("template", "a value", "nothing")),
        ("NAME is missing: a text is expected.", ("NAME", "a text", "nothing")),
        ("Image 3 is in use", None),
        ("the host's 'it must be so, not otherwise' is said", None),
    ],
)  # fmt: skip
def test_a_sentence_has_parts(text: str, parts: tuple[str, str, str] | None) -> None:
    assert mistake_in(text) == (Mistake(*parts) if parts else None)


def test_refusals_have_them() -> None:
    assert cannot_allocate("image", "FS must be ext4, not 'x'.").mistake == Mistake(
        "FS", "ext4", "'x'"
    )
    assert not_found("host", 7).mistake == Mistake("host", "the number of one that is there", "7")
    given = Mistake("a", "b", "c")
    assert Refusal(Code.INTERNAL, "x must be y, not z", mistake=given).mistake is given


def texts() -> Iterator[tuple[str, str]]:
    """All texts in commands and in the model that tell of a mistake, with X for what is filled in."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                text = "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "X"
                    for part in node.values
                )
                if " must be " in text and ", not " in text:
                    yield f"{path.name}:{node.lineno}", text


def test_every_such_text_is_such_a_sentence() -> None:
    found = list(texts())
    assert len(found) > 80
    assert [(where, text) for where, text in found if mistake_in(text) is None] == []
