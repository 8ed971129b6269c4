"""`inn version`, `inn completion`, and `inn daemon`, which starts the front end in this process."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from innkeeper import __version__
from innkeeper.cli import render
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import for_each, objects_argument
from innkeeper.cli.lazy import InnCommand, command, examples
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current


@click.command(
    "version",
    cls=InnCommand,
    help="Print the version of inn and, when one answers, of the front end.",
)
def version() -> None:
    """Print the versions."""
    session = current()
    versions = {"client": __version__, "server": _server_version()}
    if session.json:
        render.emit_json(versions)
        return
    click.echo(f"inn {__version__}")
    if versions["server"]:
        click.echo(f"front end (OpenNebula API) {versions['server']}")


def _server_version() -> str | None:
    try:
        return str(current().client().api.pages.version()["opennebula"])
    except CliError:
        return None


@click.command(
    "config",
    cls=InnCommand,
    help="Show the front end's settings, as a template or as XML.",
    epilog=examples("inn config", "inn config --json"),
)
@click.option("-x", "--xml", is_flag=True, help="Print the API's XML document.")
def config(xml: bool) -> None:
    """Print the settings."""
    from innkeeper.cli import template_text
    from innkeeper.cli.document import parse, to_data

    session = current()
    document = session.client().api.reports.configuration()
    if xml:
        click.echo(document)
    elif session.json:
        render.emit_json(to_data(parse(document)))
    else:
        click.echo(template_text.dump(parse(document)), nl=False)


raft_status = command(
    "raft-status",
    lambda objects: for_each(
        KINDS["zone"],
        objects,
        "raft-status",
        lambda client, _: client.api.reports.raft_status(),
        "RAFT",
    ),
    [objects_argument(KINDS["zone"])],
    help="Show how this front end stands among others.",
)

_SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    cls=InnCommand,
    help="Print shell code that completes commands and the names of objects.",
    epilog=examples('eval "$(inn completion bash)"', "inn completion fish | source"),
)
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print the completion code."""
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root().command
    found = get_completion_class(shell)
    assert found is not None
    # Not `source()`, which for bash starts a bash to learn its version.
    completer = found(root, {}, "inn", "_INN_COMPLETE")
    click.echo(completer.source_template % completer.source_vars())


@click.command(
    "daemon",
    cls=click.Command,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    help="Run the front end in the foreground; its own --help lists the options.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def daemon(arguments: tuple[str, ...]) -> None:
    """Hand the command line to the front end."""
    try:
        module: Any = importlib.import_module("innkeeper.daemon.main")
    except ModuleNotFoundError as error:
        raise CliError(f"the front end is not installed here: {error}", ExitCode.FAILED) from error
    sys.argv = ["inn daemon", *arguments]
    code = module.main(list(arguments))
    click.get_current_context().exit(code if isinstance(code, int) else 0)
