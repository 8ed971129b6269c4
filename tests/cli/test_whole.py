"""The command line as a whole: help everywhere, completion, and what starting it may cost."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from innkeeper.cli.errors import ExitCode
from innkeeper.cli.main import COMMANDS, build
from innkeeper.cli.misc import _SHELLS

from . import documents
from .conftest import CannedFrontEnd, Inn

ELSEWHERE = {"up", "down", "status", "daemon"}


def all_commands() -> Iterator[tuple[str, ...]]:
    root = build()
    context = click.Context(root)
    for name in root.list_commands(context):
        if name in ELSEWHERE:
            continue
        command = root.get_command(context, name)
        yield (name,)
        if isinstance(command, click.Group):
            for verb in command.list_commands(context):
                yield (name, verb)


LINES = list(all_commands())


def find(line: tuple[str, ...]) -> click.Command:
    command: click.Command = build()
    for word in line:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    return command


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_every_command_has_help_that_says_something(line: tuple[str, ...], inn: Inn) -> None:
    outcome = inn(*line, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    command = find(line)
    assert command.help and command.name == line[-1]
    described = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    assert all(option.help for option in described)


@pytest.mark.parametrize("line", [line for line in LINES if len(line) == 2], ids=" ".join)
def test_every_verb_takes_json(line: tuple[str, ...]) -> None:
    flags = {flag for param in find(line).params for flag in param.opts}
    assert "--json" in flags


def test_the_root_help_explains_the_exit_codes(inn: Inn) -> None:
    words = " ".join(inn("--help").out.split())
    for code in ExitCode:
        if code is not ExitCode.INTERRUPTED:
            assert f" {code.value} " in words
    for name in COMMANDS:
        assert f" {name} " in words


def test_the_version_is_told_with_and_without_a_front_end(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.pages["/api/v1/version"] = {"opennebula": "7.5.80"}
    assert inn("version", "--json").data == {"client": "0.1.0", "server": "7.5.80"}
    alone = inn("version", "--endpoint", "http://127.0.0.1:1")
    assert (alone.code, alone.out) == (0, "inn 0.1.0\n")


@pytest.mark.parametrize("shell", _SHELLS)
def test_completion_code_names_the_command(inn: Inn, shell: str) -> None:
    outcome = inn("completion", shell)
    assert outcome.code == 0 and "_INN_COMPLETE" in outcome.out and "inn" in outcome.out


def modules_after(line: str) -> set[str]:
    """The modules that a command has imported when it is done."""
    script = (
        "import sys; from innkeeper.cli.main import main;"
        f"code = main({line.split()!r}); assert code == 0, code;"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stderr.split())


def test_a_list_imports_little(canned: CannedFrontEnd) -> None:
    """Imports are what a short command costs: 100 ms must do for all of `inn vm list`."""
    canned.documents["vms"] = documents.VM_POOL
    loaded = modules_after("vm list")
    ours = {name for name in loaded if name.startswith("innkeeper.")}
    assert ours <= {
        "innkeeper.cli",
        *(
            f"innkeeper.cli.{name}"
            for name in (
                "client", "document", "errors", "formats", "freshness", "generic", "groups", "kinds", "lazy",
                "lean_http", "main", "names", "nouns", "objects", "render", "rules", "session", "states",
            )
        ),
        *(f"innkeeper.client{name}" for name in ("", ".base", ".resources", ".web")),
    }  # fmt: skip
    heavy = {"http.client", "email", "ssl", "asyncio", "rich", "websockets", "json",
             "xmlrpc.client", "urllib.request", "msgspec", "sqlalchemy", "numpy"}  # fmt: skip
    assert not loaded & heavy


def test_the_client_stands_on_the_standard_library_and_click() -> None:
    """No room of the front end is imported by any command of the client."""
    script = (
        "import sys, pkgutil, importlib, innkeeper.cli as cli\n"
        "for found in pkgutil.iter_modules(cli.__path__, 'innkeeper.cli.'):\n"
        "    importlib.import_module(found.name)\n"
        "rooms = {n.split('.')[1] for n in sys.modules if n.startswith('innkeeper.')}\n"
        "assert rooms <= {'cli', 'client'}, rooms\n"
        "tops = {n.split('.')[0] for n in sys.modules}\n"
        "assert not tops & {'rich', 'msgspec', 'sqlalchemy', 'numpy', 'lxml', 'requests'}, tops\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
