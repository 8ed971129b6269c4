"""The verbs that most kinds of object share, built from the declarations in `objects`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from innkeeper.cli import render
from innkeeper.cli.client import Client
from innkeeper.cli.document import Element, object_data, parse
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.kinds import Column, Kind
from innkeeper.cli.lazy import InnCommand, command, examples
from innkeeper.cli.names import (
    ObjectType,
    all_ids,
    filter_of,
    id_of,
    pool_document,
    pool_members,
)
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import Session, current

Act = Callable[[Client, int], Any]


def for_each(
    kind: Kind, arguments: str | Iterable[str], done: str, act: Act, answer: str = ""
) -> None:
    """Do one thing to each object; goes on after a failure, and ends with the first one's code.

    `answer` labels what `act` returns, for verbs whose answer is worth printing.
    """
    session = current()
    client = session.client()
    texts = [arguments] if isinstance(arguments, str) else list(arguments)
    outcomes: list[dict[str, Any]] = []
    failures: list[CliError] = []
    for number in all_ids(client, kind, texts):
        try:
            value = act(client, number)
        except CliError as error:
            failures.append(error)
            outcomes.append({"ID": number, "ok": False, "error": str(error)})
            name = f"{kind.noun} {number}"
            render.complain(str(error) if str(error).startswith(name) else f"{name}: {error}")
        else:
            outcomes.append({"ID": number, "ok": True} | ({answer: value} if answer else {}))
            _say(session, f"{kind.noun} {number}: {done}", f"{answer}: {value}" if answer else "")
    if session.json:
        render.emit_json(outcomes)
    if failures:
        click.get_current_context().exit(failures[0].code)


def _say(session: Session, done: str, answer: str) -> None:
    if session.verbose:
        render.note(done)
    if answer and not session.json:
        click.echo(answer)


def objects_argument(kind: Kind, many: bool = True) -> click.Argument:
    """The argument that names objects; `many` allows several arguments."""
    return click.Argument(
        ["objects"],
        nargs=-1 if many else 1,
        required=True,
        type=ObjectType(kind.name),
        metavar=f"{kind.name.upper()}..." if many else kind.name.upper(),
    )


# ---- list ---------------------------------------------------------------------------------------


def list_command(kind: Kind) -> InnCommand:
    """`inn KIND list`."""
    params: list[click.Parameter] = [
        click.Option(["-l", "--list", "columns"], metavar="COL,COL", help="Columns to show."),
        click.Option(["-f", "--filter", "filters"], multiple=True, metavar="COL(=|!=|<|>|~)VALUE",
                     help="Only rows whose column is so; ~ is a regular expression."),
        click.Option(["--csv"], is_flag=True, help="Print comma-separated values."),
        click.Option(["-x", "--xml"], is_flag=True, help="Print the API's XML document."),
        click.Option(["--no-header"], is_flag=True, help="Leave the line of titles out."),
        click.Option(["-d", "--delay"], type=click.FloatRange(min=0.1), metavar="SECONDS",
                     help="Show the list again and again."),
    ]  # fmt: skip
    if kind.filtered:
        params.insert(0, click.Argument(["who"], required=False, metavar="[all|mine|group|USER]"))
    names = ", ".join(column.name for column in kind.columns)
    epilog = examples(
        f"inn {kind.name} list",
        f"inn {kind.name} list -l ID,NAME --csv",
        f"inn {kind.name} list --json",
    )
    return command(
        "list",
        lambda **options: _list(kind, **options),
        params,
        help=f"List {kind.plural}.",
        epilog=f"{epilog}\n\n\b\nColumns:\n  {names}",
    )


def _list(
    kind: Kind,
    columns: str | None,
    filters: tuple[str, ...],
    csv: bool,
    xml: bool,
    no_header: bool,
    delay: float | None,
    who: str | None = None,
) -> None:
    session = current()
    chosen = _chosen(kind, columns)
    while True:
        client = session.client()
        if xml:
            click.echo(pool_document(client, kind, filter_of(client, who)))
        else:
            rows = _matching(kind, pool_members(client, kind, filter_of(client, who)), filters)
            emit_rows(chosen, rows, csv, no_header)
        if delay is None:
            return
        time.sleep(delay)
        click.clear()  # does nothing when not on a terminal


def emit_rows(
    columns: Sequence[Column], rows: Sequence[Element], csv: bool = False, no_header: bool = False
) -> None:
    """Print elements: as JSON where the session asks for it, as CSV, or as a table."""
    if current().json:
        render.emit_json([object_data(row) for row in rows])
        return
    cells = [[column.cell(row) for column in columns] for row in rows]
    if csv:
        render.emit_csv([column.name for column in columns], cells)
    else:
        render.emit_table(heads_of(columns), cells, header=not no_header)


def heads_of(columns: Iterable[Column]) -> list[render.Head]:
    """The table heads for declared columns."""
    return [render.Head(c.header or c.name, c.width, c.left) for c in columns]


def _chosen(kind: Kind, text: str | None) -> list[Column]:
    if text is None and not kind.default:
        return list(kind.columns)
    names = text.split(",") if text else kind.default
    return [_column(kind, name.strip(), "--list") for name in names]


def _column(kind: Kind, name: str, where: str) -> Column:
    column = kind.column(name)
    if column is None:
        known = ", ".join(c.name for c in kind.columns)
        raise CliError(f"{where}: no column {name!r}; there are {known}", ExitCode.USAGE)
    return column


def _matching(kind: Kind, rows: list[Element], filters: Iterable[str]) -> list[Element]:
    for text in filters:
        from innkeeper.cli.filters import Filter

        wanted = Filter.parse(text)
        column = _column(kind, wanted.column, "--filter")
        rows = [row for row in rows if wanted.accepts(column.cell(row))]
    return rows


# ---- show ---------------------------------------------------------------------------------------


def show_command(kind: Kind) -> InnCommand:
    """`inn KIND show`."""
    params = [
        objects_argument(kind),
        click.Option(["-x", "--xml"], is_flag=True, help="Print the API's XML document."),
        click.Option(["--decrypt"], is_flag=True, help="Show encrypted attributes (admins)."),
    ]
    return command(
        "show",
        lambda **options: _show(kind, **options),
        params,
        help=f"Show all about one or several {kind.plural}.",
        epilog=examples(f"inn {kind.name} show 3", f"inn {kind.name} show NAME --json"),
    )


def info(client: Client, kind: Kind, number: int, decrypt: bool = False) -> str:
    """The XML document of one object."""
    query = {"decrypt": True} if decrypt else {}
    return str(kind.of(client).document(number, **query))


def _show(kind: Kind, objects: tuple[str, ...], xml: bool, decrypt: bool) -> None:
    session = current()
    client = session.client()
    numbers = all_ids(client, kind, objects)
    documents = [info(client, kind, number, decrypt) for number in numbers]
    if xml:
        click.echo("\n".join(documents))
        return
    elements = [parse(document) for document in documents]
    if session.json:
        data = [object_data(element) for element in elements]
        render.emit_json(data[0] if len(data) == 1 else data)
        return
    from innkeeper.cli.layouts import emit_sheet

    for element in elements:
        emit_sheet(kind, element)


# ---- change -------------------------------------------------------------------------------------


def delete_command(kind: Kind) -> InnCommand:
    """`inn KIND delete`."""

    def callback(objects: tuple[str, ...]) -> None:
        for_each(kind, objects, "deleted", lambda client, n: kind.of(client).delete(n))

    return command(
        "delete", callback, [objects_argument(kind)], help=f"Delete {kind.plural}.",
        epilog=examples(f"inn {kind.name} delete NAME", f"inn {kind.name} delete 4,7..9"),
    )  # fmt: skip


def create_command(kind: Kind) -> InnCommand:
    """`inn KIND create`, for kinds that are made from a template alone, or little more."""
    from innkeeper.cli.creation import create_command as build

    return build(kind)


def rename_command(kind: Kind) -> InnCommand:
    """`inn KIND rename`."""

    def callback(objects: str, name: str) -> None:
        client = current().client()
        kind.of(client).update(id_of(client, kind, objects), name=name)

    params = [objects_argument(kind, many=False), click.Argument(["name"])]
    return command("rename", callback, params, help=f"Give a {kind.noun} another name.")


def update_command(kind: Kind) -> InnCommand:
    """`inn KIND update`."""
    params = [
        objects_argument(kind, many=False),
        click.Argument(["file"], required=False),
        click.Option(["-a", "--append"], is_flag=True,
                     help="Add to the attributes that are there, instead of replacing all."),
        click.Option(["--set", "settings"], multiple=True, metavar="NAME=VALUE",
                     help="An attribute to set; implies --append."),
    ]  # fmt: skip
    return command(
        "update",
        lambda **options: _update(kind, **options),
        params,
        help=f"Change the attributes of a {kind.noun}: from a file, piped text, --set, or in"
        " your editor.",
        epilog=examples(
            f'inn {kind.name} update NAME --set DESCRIPTION="for the class of 2026"',
            f"inn {kind.name} update NAME attributes.txt",
        ),
    )


def _update(
    kind: Kind, objects: str, file: str | None, append: bool, settings: tuple[str, ...]
) -> None:
    from innkeeper.cli import template_text

    client = current().client()
    number = id_of(client, kind, objects)
    text = template_text.read_input(file, or_stdin=not settings)
    text = template_text.combine(text, template_text.assignments(settings))
    if not text.strip():
        document = parse(info(client, kind, number))
        before = "" if append else template_text.dump(document.find(kind.user_template))
        text = template_text.edit(before)
    kind.of(client).update(number, template=text, merge=append or bool(settings))


def chmod_command(kind: Kind) -> InnCommand:
    """`inn KIND chmod`."""

    def callback(objects: str, mode: str) -> None:
        _check_octal(mode)
        for_each(
            kind, objects, f"permissions {mode}",
            lambda client, number: kind.of(client).update(number, permissions=mode),
        )  # fmt: skip

    params = [objects_argument(kind, many=False), click.Argument(["mode"], metavar="OCTAL")]
    return command(
        "chmod", callback, params,
        help="Set the permissions: use 4, manage 2, admin 1, for owner, group and others.",
        epilog=examples(f"inn {kind.name} chmod NAME 640"),
    )  # fmt: skip


def _check_octal(mode: str) -> None:
    if len(mode) != 3 or not set(mode) <= set("01234567"):
        raise CliError(f"OCTAL: expected three digits from 0 to 7, not {mode!r}", ExitCode.USAGE)


def chown_command(kind: Kind) -> InnCommand:
    """`inn KIND chown`."""

    def callback(objects: str, owner: str, group: str | None) -> None:
        client = current().client()
        uid = id_of(client, KINDS["user"], owner)
        gid = id_of(client, KINDS["group"], group) if group else -1
        for_each(kind, objects, "owner changed", lambda c, n: _chown(c, kind, n, uid, gid))

    params = [
        objects_argument(kind, many=False),
        click.Argument(["owner"], metavar="USER", type=ObjectType("user")),
        click.Argument(["group"], required=False, type=ObjectType("group")),
    ]
    return command("chown", callback, params, help="Give to another user, and group.")


def chgrp_command(kind: Kind) -> InnCommand:
    """`inn KIND chgrp`."""

    def callback(objects: str, group: str) -> None:
        gid = id_of(current().client(), KINDS["group"], group)
        for_each(kind, objects, "group changed", lambda c, n: _chown(c, kind, n, -1, gid))

    params = [
        objects_argument(kind, many=False),
        click.Argument(["group"], type=ObjectType("group")),
    ]
    return command("chgrp", callback, params, help="Give to another group.")


def _chown(client: Client, kind: Kind, number: int, uid: int, gid: int) -> None:
    kind.of(client).update(number, uid=uid, gid=gid)


_LOCK_LEVELS = {"use": 1, "manage": 2, "admin": 3, "all": 4}


def lock_command(kind: Kind) -> InnCommand:
    """`inn KIND lock`."""

    def callback(objects: tuple[str, ...], **levels: bool) -> None:
        level = next((name for name, chosen in levels.items() if chosen), "use")
        for_each(
            kind, objects, f"locked ({level})",
            lambda client, n: kind.of(client).lock(n, level=_LOCK_LEVELS[level]),
        )  # fmt: skip

    levels = [
        click.Option([f"--{level}", level], is_flag=True, help=f"Forbid {what}.")
        for level, what in (("use", "using, managing and administering (the default)"),
                            ("manage", "managing and administering"),
                            ("admin", "administering"), ("all", "the same as --use"))
    ]  # fmt: skip
    return command(
        "lock", callback, [objects_argument(kind), *levels],
        help=f"Guard {kind.plural} against changes by mistake.",
    )  # fmt: skip


def unlock_command(kind: Kind) -> InnCommand:
    """`inn KIND unlock`."""

    def callback(objects: tuple[str, ...]) -> None:
        for_each(kind, objects, "unlocked", lambda client, n: kind.of(client).unlock(n))

    return command("unlock", callback, [objects_argument(kind)], help="Take a lock away.")


BUILDERS: dict[str, tuple[str, Callable[[Kind], InnCommand]]] = {
    "list": ("List them.", list_command),
    "show": ("Show all about them.", show_command),
    "create": ("Make one.", create_command),
    "delete": ("Delete them.", delete_command),
    "update": ("Change attributes.", update_command),
    "rename": ("Change the name.", rename_command),
    "chmod": ("Set permissions.", chmod_command),
    "chown": ("Change the owner.", chown_command),
    "chgrp": ("Change the group.", chgrp_command),
    "lock": ("Guard against changes.", lock_command),
    "unlock": ("Take the lock away.", unlock_command),
}
