"""`inn secgroup create`: rules from a file, piped text, or options."""

from __future__ import annotations

import click

from innkeeper.cli import template_text
from innkeeper.cli.create import FILE, NAME, emit_new, gather
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.session import current

_PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "ipsec", "all")


@click.command(
    "create", cls=InnCommand,
    help="Make a security group. What no rule lists is dropped; answers to what is listed pass.",
    epilog=examples(
        "inn secgroup create --name web --in tcp:80,443 --in icmp --out all",
        "inn secgroup create --name inner --in all@10.0.0.0/24 --out all",
        "inn secgroup create rules.txt",
    ),
)  # fmt: skip
@FILE
@NAME
@click.option(
    "--in",
    "inbound",
    multiple=True,
    metavar="RULE",
    help="What may come in: PROTOCOL[:PORTS][@ADDRESSES].",
)
@click.option("--out", "outbound", multiple=True, metavar="RULE", help="What may go out, likewise.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any other attribute.")
def secgroup_create(
    file: str | None,
    name: str | None,
    inbound: tuple[str, ...],
    outbound: tuple[str, ...],
    settings: tuple[str, ...],
) -> None:  # fmt: skip
    """Make a security group."""
    text = "" if name is None else template_text.single("NAME", name)
    for kind, rules in (("INBOUND", inbound), ("OUTBOUND", outbound)):
        for rule in rules:
            text += template_text.vector("RULE", {"RULE_TYPE": kind, **_rule(rule)})
    text = gather(file, text + template_text.assignments(settings))
    emit_new(current().client().api.security_groups.create(template=text)["id"])


def _rule(text: str) -> dict[str, str]:
    """The attributes of a rule like tcp:80,443@10.0.0.0/24."""
    traffic, _, peers = text.partition("@")
    protocol, _, ports = traffic.partition(":")
    if protocol.lower() not in _PROTOCOLS:
        expected = ", ".join(_PROTOCOLS)
        raise CliError(f"RULE: expected one of {expected}, not {protocol!r}", ExitCode.USAGE)
    found = {"PROTOCOL": protocol.upper(), "RANGE": ports}
    return found | (_peers(peers) if peers else {})


def _peers(text: str) -> dict[str, str]:
    import ipaddress

    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise CliError(f"RULE: expected addresses like 10.0.0.0/24, not {text!r}",
                       ExitCode.USAGE) from None  # fmt: skip
    return {"IP": str(network.network_address), "SIZE": str(network.num_addresses)}
