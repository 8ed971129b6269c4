"""The rooms of docs/architecture.md: who imports whom, what is pure, and how large things get.

The table of rooms is read from the document, so the two cannot disagree.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).parents[1]
SOURCES = REPOSITORY / "src" / "innkeeper"
DOCUMENT = REPOSITORY / "docs" / "architecture.md"

# Files over the limit, with the size that they may have: a number only ever goes down.
FILE_LIMIT = 800
LARGE_FILES: dict[str, int] = {}
# Nobody writes or reads these: they are made of a table (`api/v1/rest/client_source.py`).
MADE = ("src/innkeeper/client/resources.py", "src/innkeeper/client/shapes.py")
# Of all files, this share is at most this long.
USUAL_FILE, USUAL_SHARE = 400, 0.9

FUNCTION_LIMIT = 80
LARGE_FUNCTIONS: dict[str, int] = {}
FUNCTION_MEDIAN, FUNCTION_P90 = 12, 35

PURE_ROOMS = ("model", "lifecycle", "placement")
# Where the world outside enters a pure room, and why.
PURE_EXCEPTIONS = {"model/clock.py": "the real clock, which everything else is handed"}
IMPURE_MODULES = frozenset(
    {"random", "time", "secrets", "socket", "subprocess", "asyncio", "threading", "ssl", "http"}
)
IMPURE_CALLS = frozenset(
    {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "os.urandom", "open"}
    | {"uuid.uuid1", "uuid.uuid4", "uuid1", "uuid4", "urandom"}
)

# What a room may use besides its neighbours, where that is limited too.
OUTSIDE = {
    "host": frozenset({"libvirt", "libvirt_qemu"}),
    "cli": frozenset({"click", "websockets"}),
    "client": frozenset(),
}


class Import(NamedTuple):
    """One import statement's target."""

    file: str
    line: int
    module: str

    @property
    def room(self) -> str | None:
        """The room of ours that is imported; "" for the package itself, None for others' modules."""
        parts = self.module.split(".")
        if parts[0] != "innkeeper":
            return None
        return parts[1] if len(parts) > 1 and (SOURCES / parts[1]).is_dir() else ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


class Function(NamedTuple):
    file: str
    name: str
    lines: int

    @property
    def key(self) -> str:
        return f"{self.file}:{self.name}"


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


def rooms() -> list[str]:
    """The folders that hold Python files."""
    return sorted(path.parent.name for path in SOURCES.glob("*/__init__.py"))


def allowed_rooms() -> dict[str, set[str]]:
    """The table `| folder | holds | may import |` of the document, as sets of rooms."""
    rows = re.findall(r"^\| `(\w+)/` \| .* \| ([^|]+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    names = {name for name, _ in rows}
    return {name: understood(text.strip(), names) - {name} for name, text in rows}


def understood(text: str, names: set[str]) -> set[str]:
    """What a cell of the third column allows."""
    if text == "all":
        return names
    if text.startswith("anything but "):
        return names - set(text.removeprefix("anything but ").split(", "))
    if text in ("nothing else of ours", "standard library, libvirt", "api clients only"):
        return set()
    words = set(text.split(", "))
    assert words <= names, f"the table of rooms says {text!r}: which rooms are these?"
    return words


def imports_of(file: Path) -> Iterator[Import]:
    shown = file.relative_to(SOURCES).as_posix()
    package = ["innkeeper", *file.relative_to(SOURCES).parent.parts]
    return imports_in(tree_of(file), shown, package)


def imports_in(tree: ast.Module, shown: str, package: list[str]) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(shown, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            for module in targets(node, package):
                yield Import(shown, node.lineno, module)


def targets(node: ast.ImportFrom, package: list[str]) -> list[str]:
    """The modules that a `from ... import` may mean: `from innkeeper import host` names a room."""
    base = package[: len(package) - node.level + 1] if node.level else []
    module = ".".join([*base, *([node.module] if node.module else [])])
    if module == "innkeeper":
        return [f"innkeeper.{alias.name}" for alias in node.names]
    return [module]


def functions_in(folder: Path) -> Iterator[Function]:
    for file in python_files(folder):
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield Function(file.relative_to(REPOSITORY).as_posix(), node.name, lines)


def test_the_table_names_every_room() -> None:
    assert set(rooms()) <= set(allowed_rooms())


@pytest.mark.parametrize("room", rooms())
def test_a_room_imports_only_what_the_table_allows(room: str) -> None:
    allowed = allowed_rooms()[room] | {room, ""}
    found = [each for file in python_files(SOURCES / room) for each in imports_of(file)]
    wrong = [str(each) for each in found if each.room is not None and each.room not in allowed]
    assert wrong == []


@pytest.mark.parametrize("room", OUTSIDE)
def test_a_room_that_stands_alone_imports_only_the_standard_library(room: str) -> None:
    allowed = OUTSIDE[room] | sys.stdlib_module_names
    found = [each for file in python_files(SOURCES / room) for each in imports_of(file)]
    wrong = [
        str(each)
        for each in found
        if each.room is None and each.module.split(".")[0] not in allowed
    ]
    assert wrong == []


def test_the_agent_never_imports_the_package_that_it_is_packed_out_of() -> None:
    """On a host there is only `host/`, under another name: its imports of itself are relative."""
    files = python_files(SOURCES / "host")
    absolute = [
        f"{file.name}:{node.lineno}"
        for file in files
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.ImportFrom) and node.level == 0
        if (node.module or "").split(".")[0] == "innkeeper"
    ]
    assert absolute == []


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_a_pure_room_takes_time_and_chance_from_outside(room: str) -> None:
    files = [
        file
        for file in python_files(SOURCES / room)
        if file.relative_to(SOURCES).as_posix() not in PURE_EXCEPTIONS
    ]
    wrong = [
        str(each)
        for file in files
        for each in imports_of(file)
        if each.module.split(".")[0] in IMPURE_MODULES
    ]
    wrong += [
        f"{file.relative_to(SOURCES)}:{node.lineno} calls {name}"
        for file in files
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call) and (name := called(node)) in IMPURE_CALLS
    ]
    assert wrong == []


def called(node: ast.Call) -> str:
    """The last two names of what is called: `datetime.now` for `datetime.datetime.now()`."""
    return ".".join(ast.unparse(node.func).split(".")[-2:])


def test_files_hold_one_idea() -> None:
    sizes = {
        name: file.read_text().count("\n")
        for folder in ("src", "tests")
        for file in python_files(REPOSITORY / folder)
        if (name := file.relative_to(REPOSITORY).as_posix()) not in MADE
    }
    too_long = {
        name: size for name, size in sizes.items() if size > LARGE_FILES.get(name, FILE_LIMIT)
    }
    assert too_long == {}
    assert shrunk(LARGE_FILES, sizes, FILE_LIMIT) == {}
    usual = sum(size <= USUAL_FILE for size in sizes.values())
    assert usual / len(sizes) >= USUAL_SHARE


def test_functions_are_short() -> None:
    sizes = [each.lines for each in functions_in(REPOSITORY / "src")]
    assert statistics.median(sizes) <= FUNCTION_MEDIAN
    assert statistics.quantiles(sizes, n=10)[-1] <= FUNCTION_P90


@pytest.mark.parametrize("folder", ["src", "tests"])
def test_no_function_is_very_long(folder: str) -> None:
    sizes = {each.key: each.lines for each in functions_in(REPOSITORY / folder)}
    too_long = {
        key: lines
        for key, lines in sizes.items()
        if lines > LARGE_FUNCTIONS.get(key, FUNCTION_LIMIT)
    }
    assert too_long == {}


def shrunk(allowed: dict[str, int], sizes: dict[str, int], limit: int) -> dict[str, int]:
    """Entries of an allow-list that are no longer needed, or larger than what they allow for."""
    return {
        name: sizes.get(name, 0)
        for name, size in allowed.items()
        if sizes.get(name, 0) < size or sizes.get(name, 0) <= limit
    }


def test_every_form_of_import_is_seen() -> None:
    tree = ast.parse(
        "import os, innkeeper.store.journal\n"
        "from ..lifecycle import engine\n"
        "from innkeeper import host\n"
        "def late():\n    from . import objects\n"
    )
    found = list(imports_in(tree, "model/made_up.py", ["innkeeper", "model"]))
    assert {each.room for each in found} == {None, "store", "lifecycle", "host", "model"}
