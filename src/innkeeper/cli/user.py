"""User verbs: creation, tokens, passwords."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from innkeeper.cli import render, template_text
from innkeeper.cli.document import parse, text_at
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import info
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of, ids_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import auth_file, current, write_secret

_DEFAULT_UMASK = "177"
_TOKEN_SECONDS = 36_000


def ask_password(who: str) -> str:
    """A new password: typed twice on a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        typed: str = click.prompt(
            f"Password for {who}", hide_input=True, confirmation_prompt=True, err=True
        )
        return typed
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        raise CliError("a password is needed: as an argument or piped in", ExitCode.USAGE)
    return line


@click.command(
    "create",
    cls=InnCommand,
    help="Add a user. Without PASSWORD it is asked for, or read from a pipe.",
    epilog=examples("inn user create ann", "inn user create bob --group students < password.txt"),
)
@click.argument("name")
@click.argument("secret", required=False, metavar="[PASSWORD]")
@click.option(
    "--driver", default="core", metavar="DRIVER",
    help="How the user is authenticated (core); of others PASSWORD is the key or name.",
)  # fmt: skip
@click.option(
    "-g", "--group", "groups", multiple=True, type=ObjectType("group"), metavar="GROUP",
    help="Its groups, the primary one first.",
)  # fmt: skip
def create(name: str, secret: str | None, driver: str, groups: tuple[str, ...]) -> None:
    """Add a user."""
    client = current().client()
    gids = [gid for text in groups for gid in ids_of(client, KINDS["group"], text)]
    asked = ask_password(name) if secret is None and driver == "core" else secret
    made = client.api.users.create(name=name, password=asked or "", driver=driver, groups=gids)
    render.emit_id(made["id"], current().json)


@click.command(
    "passwd",
    cls=InnCommand,
    help="Change a password: your own, or a user's. Without PASSWORD it is asked for.",
    epilog=examples("inn user passwd", "inn user passwd ann"),
)
@click.argument("user", required=False, type=ObjectType("user"), metavar="[USER]")
@click.argument("secret", required=False, metavar="[PASSWORD]")
def passwd(user: str | None, secret: str | None) -> None:
    """Change a password."""
    client = current().client()
    number = id_of(client, KINDS["user"], user or client.user)
    found = parse(info(client, KINDS["user"], number))
    password = secret or ask_password(text_at(found, "NAME"))
    client.api.users.passwd(number, password=password)


@click.command(
    "login",
    cls=InnCommand,
    help="Get a token for a while, and keep it in place of the password.",
    epilog=examples(
        "inn user login --user ann",
        "inn user login --time 3600 --print",
    ),
)
@click.argument("name", required=False, metavar="[USER]")
@click.option(
    "--time",
    "seconds",
    type=int,
    default=_TOKEN_SECONDS,
    metavar="SECONDS",
    help="How long it is good for (36000); -1 for ever, 0 ends all tokens.",
)
@click.option(
    "--group", type=ObjectType("group"), metavar="GROUP", help="Only with the rights of this group."
)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to keep it (the file named in INN_AUTH, or ~/.one/one_auth).",
)
@click.option("--print", "only_print", is_flag=True, help="Print it, and keep nothing.")
@click.option("--force", is_flag=True, help="Write over credentials that are there.")
def login(
    name: str | None, seconds: int, group: str | None, file: Path | None, only_print: bool,
    force: bool,
) -> None:  # fmt: skip
    """Get a token."""
    session = current()
    client = session.client()
    path = file or auth_file()
    keep = not (only_print or session.json or seconds == 0)
    if keep and path.exists() and not force:
        raise CliError(f"{path} holds credentials already: --force writes over them")
    user = name or client.user
    gid = -1 if group is None else id_of(client, KINDS["group"], group)
    number = id_of(client, KINDS["user"], user)
    token = str(client.api.users.login(number, valid=seconds, egid=gid)["result"])
    if session.json:
        render.emit_json({"user": user, "token": token, "seconds": seconds})
    elif only_print:
        click.echo(token)
    elif keep:
        write_secret(path, f"{user}:{token}")
        render.note(f"token of {user} kept in {path}")


@click.command(
    "umask",
    cls=InnCommand,
    help="Set the permission bits that what a user makes will lack, in octal; without MASK, show them.",
    epilog=examples("inn user umask ann 137", "inn user umask ann"),
)
@click.argument("user", type=ObjectType("user"))
@click.argument("mask", required=False)
def umask(user: str, mask: str | None) -> None:
    """Show or set the umask."""
    client = current().client()
    number = id_of(client, KINDS["user"], user)
    if mask is None:
        found = text_at(parse(info(client, KINDS["user"], number)), "TEMPLATE/UMASK")
        click.echo(found or _DEFAULT_UMASK)
        return
    if not re.fullmatch("[0-7]{1,3}", mask):
        raise CliError(f"MASK: expected up to three octal digits, not {mask!r}", ExitCode.USAGE)
    client.api.users.update(number, template=template_text.single("UMASK", mask))
