"""The table of OpenNebula's commands is whole and true: each verb is a command that exists, or has a reason."""

import re
from pathlib import Path

import click
import pytest

from innkeeper.cli.main import build

from .opennebula import VERBS

_PAGE = Path(__file__).parents[2].joinpath("docs", "opennebula-commands.md").read_text()
_SAME, _OTHERWISE, _MISSING = (
    [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in part.splitlines()
        if line.startswith("| `")
    ]
    for part in _PAGE.split("\n## ")[1:]
)


def exists(line: str) -> bool:
    """Does a line of `inn` name a command, with options that it has?"""
    words = re.findall(r"'[^']*'|\S+", line)[1:]
    command: click.Command = build()
    context = click.Context(command)
    while isinstance(command, click.Group) and words:
        known = {flag for param in command.params for flag in param.opts}
        if words[0].startswith("-"):
            if words[0] not in known:
                return False
            words = words[2:]
            continue
        found = command.get_command(context, words.pop(0))
        if found is None:
            return False
        command = found
    flags = {flag for param in command.params for flag in param.opts}
    return {word for word in words if word.startswith("--")} <= flags


def rows() -> dict[str, str]:
    """What each verb of OpenNebula's is: a line of `inn`, or the reason why there is none."""
    found = {
        f"{row[0]} {verb}".replace("`", ""): f"{row[1]} {verb}".replace("`", "")
        for row in _SAME
        for verb in row[2].split(", ")
    }
    found |= {row[0].strip("`"): row[1].strip("`") for row in _OTHERWISE}
    return found


@pytest.mark.parametrize("name", VERBS)
def test_each_verb_is_mapped_or_refused_with_a_reason(name: str) -> None:
    mapped, refused = rows(), {row[0].strip("`"): row[1] for row in _MISSING}
    for verb in VERBS[name].split() or [""]:
        line = f"{name} {verb}".strip()
        known = [each for each in (line, name, f"one* {verb}") if each in mapped or each in refused]
        assert known, f"{line} is not in the table"
        assert not (line in mapped and line in refused)
        assert all(len(refused[each]) > 10 for each in known if each in refused)


def test_each_command_of_ours_that_is_named_exists() -> None:
    lines = rows()
    assert len(lines) > 250
    assert [line for line in lines.values() if not exists(line)] == []
    assert not exists("inn vm fly") and not exists("inn vm list --fly") and not exists("inn fly")


def test_the_table_names_no_verb_that_there_is_not() -> None:
    there = {
        f"{name} {verb}".strip() for name, verbs in VERBS.items() for verb in verbs.split() or [""]
    }
    named = {*rows(), *(row[0].strip("`") for row in _MISSING)} - {"one* top"} - VERBS.keys()
    assert named <= there
