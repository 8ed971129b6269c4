"""`inn vm create`, `inn template create` and `inn template instantiate`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from innkeeper.cli import render, template_text
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current
from innkeeper.cli.template_options import template_options, text_of

FILE = click.argument("file", required=False)
NAME = click.option("--name", metavar="NAME", help="Its name.")
_COUNT = click.option(
    "-m", "--count", "--multiple", "count", type=click.IntRange(min=1), default=None,
    help="How many to make; %i in the name becomes the number.",
)  # fmt: skip
_HOLD = click.option("--hold", is_flag=True, help="Keep it from being placed until released.")


def gather(file: str | None, options: str) -> str:
    """The template from a file or piped text, with the options' lines; never empty."""
    text = template_text.read_input(file, or_stdin=not options)
    text = template_text.combine(text, options)
    if not text.strip():
        raise CliError("nothing to make it from: give a file, a pipe or options", ExitCode.USAGE)
    return text


def _several(make: Callable[[str], int], name: str | None, count: int | None) -> None:
    """Make `count` objects, and print their ids: of those that were made before one was refused, too."""
    made: list[int] = []
    try:
        for index in range(count or 1):
            made.append(make(_numbered(name, index, count)))
    finally:
        if made:
            _emit_ids(made, several=count is not None)


def _emit_ids(made: list[int], several: bool) -> None:
    if not current().json:
        click.echo("\n".join(f"ID: {number}" for number in made))
        return
    found = [{"ID": number} for number in made]
    render.emit_json(found if several else found[0])


def _numbered(name: str | None, index: int, count: int | None) -> str:
    if not name or count is None:
        return name or ""
    if "%i" in name:
        return name.replace("%i", str(index))
    return f"{name}-{index}" if count > 1 else name


def emit_new(number: int) -> None:
    """Print the id of what was made."""
    render.emit_id(number, current().json)


@click.command(
    "create", cls=InnCommand,
    help="Make a VM from a template file, piped text, or options.",
    epilog=examples(
        "inn vm create --name web --cpu 1 --memory 512 --disk debian --nic public --ssh",
        "inn vm create vm.txt --hold",
        "inn vm create --name 'node-%i' --count 3 --memory 1g --cpu 0.5",
    ),
)  # fmt: skip
@FILE
@NAME
@_COUNT
@_HOLD
@template_options
def vm_create(
    file: str | None, name: str | None, count: int | None, hold: bool, dry: bool, **options: Any
) -> None:
    """Make VMs."""
    text = gather(file, named(name) + text_of(options))
    if dry:
        click.echo(text, nl=False)
        return
    client = current().client()

    def make(new_name: str) -> int:
        return client.api.vms.create(
            template=template_text.combine(text, named(new_name)), hold=hold
        )["id"]

    _several(make, name, count)


def named(name: str | None) -> str:
    """The line that names an object, "" for none."""
    return template_text.single("NAME", name) if name else ""


@click.command(
    "create", cls=InnCommand,
    help="Register a template from a file, piped text, or options.",
    epilog=examples("inn template create --name small --cpu 1 --memory 512 --disk debian",
                    "inn template create small.txt"),
)  # fmt: skip
@FILE
@NAME
@template_options
def template_create(file: str | None, name: str | None, dry: bool, **options: Any) -> None:
    """Register a template."""
    text = gather(file, named(name) + text_of(options))
    if dry:
        click.echo(text, nl=False)
        return
    emit_new(current().client().api.templates.create(template=text)["id"])


@click.command(
    "instantiate", cls=InnCommand,
    help="Make VMs from a template; options and a file change it for these VMs.",
    epilog=examples("inn template instantiate small --name web",
                    "inn template instantiate small --name 'web-%i' --count 3 --memory 1g"),
)  # fmt: skip
@click.argument("template", type=ObjectType("template"), metavar="TEMPLATE")
@FILE
@NAME
@_COUNT
@_HOLD
@click.option("--persistent", is_flag=True, help="Copy template and images first, and keep them.")
@template_options
def template_instantiate(
    template: str, file: str | None, name: str | None, count: int | None, hold: bool,
    persistent: bool, dry: bool, **options: Any,
) -> None:  # fmt: skip
    """Make VMs from a template."""
    extra = template_text.combine(template_text.read_input(file, or_stdin=False), text_of(options))
    if dry:
        click.echo(extra, nl=False)
        return
    client = current().client()
    number = id_of(client, KINDS["template"], template)

    def make(new_name: str) -> int:
        return int(
            client.api.templates.instantiate(
                number, name=new_name, hold=hold, template=extra, persistent=persistent
            )["result"]
        )

    _several(make, name, count)
