"""`inn acl create` and `inn acl delete`.

A rule is written as in OpenNebula: `USER TYPES/WHICH RIGHTS [ZONE]`, for instance
`#5 VM+IMAGE/@100 USE+MANAGE *`. On the wire its parts are hexadecimal numbers: the low 32 bits are
an id, the bits above say what it is the id of, and which types of object are meant.
"""

from __future__ import annotations

import click

from innkeeper.cli import render
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import for_each, objects_argument
from innkeeper.cli.lazy import InnCommand, command, examples
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

_WHICH = {"#": 1 << 32, "@": 1 << 33, "*": 1 << 34, "%": 1 << 35}
_RIGHTS = {"USE": 1, "MANAGE": 2, "ADMIN": 4, "CREATE": 8}
# In the order of their bits, from bit 36; HOOK and the two unnamed bits take no rules.
_TYPES = (
    "VM HOST NET IMAGE USER TEMPLATE GROUP - DATASTORE CLUSTER DOCUMENT ZONE SECGROUP VDC VROUTER"
    " MARKETPLACE MARKETPLACEAPP VMGROUP VNTEMPLATE - BACKUPJOB"
)
_TYPE_BITS = {
    name: 1 << (36 + place) for place, name in enumerate(_TYPES.split(" ")) if name != "-"
}


def encode_rule(rule: str) -> list[str]:
    """The hexadecimal parts of a rule; a rule without a zone has three."""
    words = rule.split()
    if len(words) not in (3, 4):
        raise CliError(
            f"RULE: expected 'USER TYPES/WHICH RIGHTS [ZONE]', not {rule!r}", ExitCode.USAGE
        )
    numbers = [_which(words[0], "#@*"), _resource(words[1]), _sum(words[2], _RIGHTS, "right")]
    if len(words) == 4:
        numbers.append(_which(words[3], "#*"))
    return [f"{number:x}" for number in numbers]


def _which(text: str, allowed: str) -> int:
    mark, number = text[:1], text[1:]
    if mark == "*" and not number and mark in allowed:
        return _WHICH["*"]
    if mark in allowed and mark != "*" and number.isdigit():
        return _WHICH[mark] | int(number)
    forms = ", ".join("*" if mark == "*" else f"{mark}ID" for mark in allowed)
    raise CliError(f"RULE: expected one of {forms}, not {text!r}", ExitCode.USAGE)


def _resource(text: str) -> int:
    types, slash, which = text.partition("/")
    if not slash:
        raise CliError(f"RULE: expected TYPES/WHICH, not {text!r}", ExitCode.USAGE)
    return _sum(types, _TYPE_BITS, "type") | _which(which, "#@%*")


def _sum(text: str, bits: dict[str, int], noun: str) -> int:
    total = 0
    for word in text.split("+"):
        if word.upper() not in bits:
            raise CliError(
                f"RULE: no {noun} is called {word!r}; there are {', '.join(bits)}", ExitCode.USAGE
            )
        total |= bits[word.upper()]
    return total


@click.command(
    "create",
    cls=InnCommand,
    help="Add an access rule.",
    epilog=examples("inn acl create '#5 VM+IMAGE/@100 USE+MANAGE *'"),
)
@click.argument("rule", nargs=-1, required=True)
def create(rule: tuple[str, ...]) -> None:
    """Add a rule."""
    number = current().client().number("acl.addrule", *encode_rule(" ".join(rule)))
    render.emit_id(number, current().json)


def _delete(objects: tuple[str, ...]) -> None:
    for_each(KINDS["acl"], objects, "deleted", lambda c, n: c.call("acl.delrule", n))


delete = command("delete", _delete, [objects_argument(KINDS["acl"])], help="Delete rules.")
