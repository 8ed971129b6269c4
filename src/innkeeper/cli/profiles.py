"""Declared profiles of hosts and clusters: what they are to be like, where they are not, and putting it right."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import click

from innkeeper.cli import render
from innkeeper.cli.client import Client
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import for_each, objects_argument
from innkeeper.cli.lazy import InnCommand, command, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

_EXAMPLE = """\b
A profile (TOML), all parts optional:
  repair = true                  # put right what differs as soon as it is seen
  commands = ["ovs-vsctl"]
  packages = ["nftables"]
  [sysctls]
  "vm.swappiness" = 1
  [[bridges]]
  name = "br0"
  member = "eth1"
  mtu = 1500
  [[folders]]
  path = "/srv/vms"
  mount = true
  free_mib = 10240
"""


def _read(file: str) -> Any:
    text = sys.stdin.read() if file == "-" else Path(file).read_text()
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise CliError(f"{file}: no TOML: {wrong}", ExitCode.USAGE) from None


def _setter(kind: str) -> click.Command:
    @click.command(
        "profile-set", cls=InnCommand,
        help=f"Declare what {'a host is' if kind == 'host' else 'the hosts of a cluster are'} to be like.",
        epilog=_EXAMPLE + "\n" + examples(f"inn {kind} profile-set {kind}1 profile.toml",
                                          f"inn {kind} profile-set {kind}1 --remove"),
    )  # fmt: skip
    @click.argument("target", type=ObjectType(kind), metavar=kind.upper())
    @click.argument(
        "file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
    )
    @click.option("--remove", is_flag=True, help="Declare nothing any more.")
    def profile_set(target: str, file: str | None, remove: bool) -> None:
        """Declare a profile."""
        if remove == bool(file):
            raise click.UsageError("a FILE is expected, or --remove")
        client = current().client()
        number, pages = id_of(client, KINDS[kind], target), client.api.pages
        if file is None:
            withdraw = {
                "host": pages.delete_hosts_profile,
                "cluster": pages.delete_clusters_profile,
            }
            withdraw[kind](number)
        else:
            declare = {"host": pages.post_hosts_profile, "cluster": pages.post_clusters_profile}
            declare[kind](number, body=_read(file))

    return profile_set


def _shower(kind: str) -> click.Command:
    @click.command("profile-show", cls=InnCommand, help="Show what is declared, as JSON.")
    @click.argument("target", type=ObjectType(kind), metavar=kind.upper())
    def profile_show(target: str) -> None:
        """Show a profile."""
        client = current().client()
        number, pages = id_of(client, KINDS[kind], target), client.api.pages
        show = {"host": pages.get_hosts_profile, "cluster": pages.get_clusters_profile}[kind]
        render.emit_json(show(number)["declared"])

    return profile_show


host_set, host_show = _setter("host"), _shower("host")
cluster_set, cluster_show = _setter("cluster"), _shower("cluster")


@click.command(
    "drift", cls=InnCommand, help="Say where a host is not as declared. Fails when it is not.",
    epilog=examples("inn host drift node1", "inn host repair node1"),
)  # fmt: skip
@click.argument("host", type=ObjectType("host"), metavar="HOST")
def drift(host: str) -> None:
    """Show a host's drift."""
    session = current()
    client = session.client()
    found = client.api.pages.get_hosts_profile(id_of(client, KINDS["host"], host))
    if session.json:
        render.emit_json(found)
    for each in () if session.json else found["drift"]:
        by_hand = "" if each["mends"] else " (by hand)"
        click.echo(f"{each['what']}: expected {each['expected']}, found {each['found']}{by_hand}")
    if not found["declared"]:
        click.echo(f"nothing is declared for host {host} (inn host profile-set)", err=True)
    if found["drift"]:
        raise click.exceptions.Exit(ExitCode.FAILED)


def _repair(client: Client, number: int) -> None:
    client.api.pages.hosts_repair(number)


repair = command(
    "repair",
    lambda objects: for_each(KINDS["host"], objects, "repair", _repair),
    [objects_argument(KINDS["host"])],
    help="Put right what is not as declared on hosts, as far as they can by themselves.",
    epilog=examples("inn host repair node1", "inn host drift node1"),
)
