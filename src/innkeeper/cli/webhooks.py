"""`inn webhook`: addresses that are told what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from innkeeper.cli import render
from innkeeper.cli.lazy import Entry, InnCommand, LazyGroup, examples, from_module, session_options
from innkeeper.cli.session import current

if TYPE_CHECKING:
    from innkeeper.client import shapes

_WEBHOOK = click.argument("webhook", type=click.IntRange(min=0), metavar="WEBHOOK")
_HEADS = [
    render.Head("ID", 5, left=False),
    render.Head("NAME", 16),
    render.Head("KIND", 9),
    render.Head("STATE", 9),
    render.Head("AFTER", 8, left=False),
    render.Head("URL"),
]


def _print(found: list[shapes.Webhook]) -> None:
    rows = [
        [str(w["id"]), w["name"], w["kind"] or "all", _state(w), str(w["after"]), w["url"]]
        for w in found
    ]
    render.emit_table(_HEADS, rows)


def _state(webhook: shapes.Webhook) -> str:
    if not webhook["enabled"]:
        return "disabled"
    return "failing" if webhook["failing"] else "on"


@click.command(
    "create", cls=InnCommand,
    help="Send what happens to what you may see to an address, signed as Standard Webhooks are. Prints the secret.",
    epilog=examples("inn webhook create alerts https://hooks.example.org/in --kind vm"),
)  # fmt: skip
@click.argument("name", metavar="NAME")
@click.argument("url", metavar="URL")
@click.option(
    "--kind", default="", metavar="KIND", help="Only of this kind of object: vm, host, image, ..."
)
@click.option(
    "--after", type=int, default=-1, metavar="N", help="From behind this event on (what comes now)."
)
@click.option(
    "--secret", metavar="WHSEC", help="whsec_ and base64 of 24 to 64 bytes (one is made)."
)
def create(name: str, url: str, kind: str, after: int, secret: str | None) -> None:
    """Make a webhook."""
    from base64 import b64encode
    from secrets import token_bytes

    secret = secret or "whsec_" + b64encode(token_bytes(32)).decode()
    session = current()
    made = session.api().webhooks.create(name=name, url=url, secret=secret, kind=kind, after=after)
    if session.json:
        render.emit_json({"id": made["id"], "secret": secret})
    else:
        click.echo(f"ID: {made['id']}\nSECRET: {secret}")


@click.command("list", cls=InnCommand, help="List webhooks.", epilog=examples("inn webhook list"))
def list_all() -> None:
    """List webhooks."""
    found = list(current().api().webhooks.all())
    if current().json:
        render.emit_json(found)
    else:
        _print(found)


@click.command(
    "show", cls=InnCommand, help="Show a webhook: how far it is, and why it fails.",
    epilog=examples("inn webhook show 0"),
)  # fmt: skip
@_WEBHOOK
def show(webhook: int) -> None:
    """Show a webhook."""
    found = current().api().webhooks.get(webhook)
    if current().json:
        render.emit_json(found)
        return
    _print([found])
    if found["failure"]:
        click.echo(f"\n{found['failure']}")


@click.command(
    "enable", cls=InnCommand, help="Send again, from where it stood.", epilog=examples("inn webhook enable 0"),
)  # fmt: skip
@_WEBHOOK
def enable(webhook: int) -> None:
    """Enable a webhook."""
    current().api().webhooks.update(webhook, enabled=True)


@click.command(
    "disable", cls=InnCommand, help="Send no more for now.", epilog=examples("inn webhook disable 0"),
)  # fmt: skip
@_WEBHOOK
def disable(webhook: int) -> None:
    """Disable a webhook."""
    current().api().webhooks.update(webhook, enabled=False)


@click.command(
    "delete", cls=InnCommand, help="Delete a webhook.", epilog=examples("inn webhook delete 0")
)
@_WEBHOOK
def delete(webhook: int) -> None:
    """Delete a webhook."""
    current().api().webhooks.delete(webhook)


group = LazyGroup(
    "webhook",
    {
        name: Entry("Webhooks", summary, from_module("webhooks", function))
        for name, summary, function in (
            ("create", "Send what happens to an address.", "create"),
            ("list", "List webhooks.", "list_all"),
            ("show", "Show one.", "show"),
            ("enable", "Send again.", "enable"),
            ("disable", "Send no more for now.", "disable"),
            ("delete", "Delete one.", "delete"),
        )
    },
    params=[*session_options(hidden=True)],
    help="Addresses that are told what happens.",
    epilog=examples(
        "inn webhook create alerts https://hooks.example.org/in --kind vm", "inn webhook list"
    ),
)
