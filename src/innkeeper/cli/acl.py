"""`inn acl create`, `inn acl why`, `inn vdc create`."""

from __future__ import annotations

import click

from innkeeper.cli import render, rules, template_text
from innkeeper.cli.client import Client
from innkeeper.cli.create import emit_new
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

#: Kinds whose names in rules are not those of their commands.
_OTHERWISE = {"NET": "network"}


@click.command(
    "create", cls=InnCommand,
    help="Add a rule: USER RESOURCES RIGHTS [ZONE]. #5 is one, @5 of a group, %5 of a cluster, * all.",
    epilog=examples(
        "inn acl create '@100 IMAGE+TEMPLATE/* CREATE'",
        "inn acl create '#5 VM/@100 USE+MANAGE'",
        "inn acl create '@100 HOST/%1 MANAGE #0'",
    ),
)  # fmt: skip
@click.argument("rule", nargs=-1, required=True)
def create(rule: tuple[str, ...]) -> None:
    """Add a rule."""
    emit_new(add_rule(current().client(), " ".join(rule)))


def add_rule(client: Client, text: str) -> int:
    """The number of a new rule."""
    user, resource, rights, zone = rules.encoded(text)
    return client.api.acl.create(user=user, resource=resource, rights=rights, zone=zone)["id"]


@click.command(
    "why", cls=InnCommand,
    help="Say whether a user may do something to an object (RIGHT: USE, MANAGE, ADMIN), and what says so.",
    epilog=examples("inn acl why ann MANAGE VM/12", "inn acl why ann USE NET/public --json"),
)  # fmt: skip
@click.argument("user", type=ObjectType("user"))
@click.argument("right")
@click.argument("thing", metavar="KIND/OBJECT")
def why(user: str, right: str, thing: str) -> None:
    """Explain a decision."""
    client = current().client()
    kind, _, which = thing.replace(":", "/").partition("/")
    known = KINDS.get(_OTHERWISE.get(kind.upper(), kind.lower()))
    if known is not None and which and not which.isdecimal():
        which = str(id_of(client, known, which))
    told = client.api.pages.acl_why(user=user, right=right, object=f"{kind}/{which}")
    if current().json:
        render.emit_json(told)
        return
    click.echo(told["summary"])
    rows = [
        [str(reason["source"]), str(reason["rights"]), "yes" if reason["grants"] else "no"]
        for reason in told["reasons"]
    ]
    if rows:
        click.echo()
        render.emit_table(
            [render.Head(title) for title in ("WHAT SAYS SO", "RIGHTS", "ENOUGH")], rows
        )


@click.command(
    "create", cls=InnCommand,
    help="Make a VDC: groups in it may use the resources in it.",
    epilog=examples("inn vdc create science --set COST=7"),
)  # fmt: skip
@click.argument("name")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any attribute.")
def vdc_create(name: str, settings: tuple[str, ...]) -> None:
    """Make a VDC."""
    text = template_text.single("NAME", name) + template_text.assignments(settings)
    emit_new(current().client().api.vdcs.create(template=text)["id"])
