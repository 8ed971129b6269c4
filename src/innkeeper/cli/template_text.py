"""Template text: writing attributes, showing a document's template, and where input comes from.

The syntax is OpenNebula's: `NAME = "value"` and `NAME = [ A = "v" ]`; the only escape is `\\"`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import click

from innkeeper.cli.document import Element
from innkeeper.cli.errors import CliError, ExitCode

Vector: TypeAlias = Mapping[str, str]


def quote(value: str) -> str:
    """A value in quotes; the syntax has no way to end one with a backslash."""
    if value.endswith("\\"):
        raise CliError(f"{value!r}: a template value cannot end with a backslash", ExitCode.USAGE)
    if "]]>" in value:
        raise CliError(f"{value!r}: a template value cannot hold ']]>'", ExitCode.USAGE)
    return '"' + value.replace('"', '\\"') + '"'


def single(name: str, value: str | int | float) -> str:
    """One line `NAME="value"`; a whole number is written without a decimal point."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{name.upper()}={quote(text)}\n"


def vector(name: str, attributes: Vector) -> str:
    """One line `NAME=[A="v",B="w"]`; attributes without a value are left out."""
    inner = ",".join(f"{key.upper()}={quote(value)}" for key, value in attributes.items() if value)
    return f"{name.upper()}=[{inner}]\n"


def assignments(settings: Iterable[str]) -> str:
    """Lines for `--set NAME=VALUE` options; a value in brackets is a vector and kept as it is."""
    lines = []
    for setting in settings:
        name, equals, value = setting.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name.replace("_", "").isalnum():
            raise CliError(f"--set: expected NAME=VALUE, not {setting!r}", ExitCode.USAGE)
        vectorial = value.startswith("[") and value.endswith("]")
        lines.append(f"{name.upper()}={value}\n" if vectorial else single(name, value))
    return "".join(lines)


def dump(template: Element | None) -> str:
    """A document's template as people write it."""
    return "" if template is None else "".join(map(_dump_one, template))


def _dump_one(attribute: Element) -> str:
    if len(attribute) == 0:
        return f"{attribute.tag}={_shown(attribute.text)}\n"
    inner = ",\n".join(f"  {child.tag}={_shown(child.text)}" for child in attribute)
    return f"{attribute.tag}=[\n{inner} ]\n"


def _shown(text: str | None) -> str:
    return '"' + (text or "").replace('"', '\\"') + '"'


def read_input(file: str | None, or_stdin: bool = True) -> str:
    """The text of a file argument (`-` is standard input).

    Without a file, standard input is read when it is not a terminal and `or_stdin` holds; commands
    that got their template from options do not, lest they wait for a pipe nobody writes to.
    """
    if file and file != "-":
        try:
            return Path(file).read_text()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CliError(f"cannot read {file}: {reason}", ExitCode.USAGE) from error
    if file == "-" or (or_stdin and not sys.stdin.isatty()):
        return sys.stdin.read()
    return ""


# A single attribute with its value, or a bracket; the texts of values are never looked into.
_TOKEN = re.compile(
    r"""^[ \t]*(?P<name>\w+)[ \t]*=[ \t]*(?:"(?:\\"|[^"])*"|[^\s"\[\],=#]+)[ \t]*\n?"""
    r"""|"(?:\\"|[^"])*"|\#[^\n]*|(?P<open>\[)|(?P<close>\])""",
    re.MULTILINE,
)


def combine(text: str, options: str) -> str:
    """Template text with lines from options; an option replaces the text's line of that name."""
    if not text.strip() or not options:
        return text if text.strip() else options
    if text.lstrip().startswith("<"):
        raise CliError("options cannot be added to a template in XML form", ExitCode.USAGE)
    names = {match["name"].upper() for match in _TOKEN.finditer(options) if match["name"]}
    return _without(text, names).rstrip("\n") + "\n" + options


def _without(text: str, names: set[str]) -> str:
    """The text without its single attributes of these names; those inside vectors stay."""
    kept, position, depth = [], 0, 0
    for match in _TOKEN.finditer(text):
        depth += bool(match["open"]) - bool(match["close"])
        if depth == 0 and match["name"] and match["name"].upper() in names:
            kept.append(text[position : match.start()])
            position = match.end()
    return "".join([*kept, text[position:]])


def edit(text: str) -> str:
    """Let the person change a text in their editor; unchanged text ends the command."""
    if not sys.stdin.isatty():
        raise CliError(
            "nothing to update with: give a file, pipe the template in, or use --set",
            ExitCode.USAGE,
        )
    changed = click.edit(text, extension=".tmpl", require_save=False)
    if changed is None or changed == text:
        raise CliError("the template was not changed")
    return changed
