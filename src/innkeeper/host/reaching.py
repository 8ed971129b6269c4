"""The verbs by which the front end reaches into guests' networks; part of the table in `verbs.py`."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable

from .arguments import Arguments
from .connections import ways
from .errors import RefusedError
from .networks import bridge
from .verbs import Request, Result, verb


def _per_connection(args: Arguments) -> Hashable:
    return ("connection", args.raw("connection"))


def _addresses(args: Arguments) -> list[str]:
    given = args.raw("addresses")
    try:
        if not isinstance(given, list):
            raise TypeError
        return [str(ipaddress.ip_address(text)) for text in given]
    except (ValueError, TypeError) as wrong:
        raise args.bad("addresses", "a list of addresses") from wrong


@verb("connection.open", _per_connection)
def _open(request: Request) -> Result:
    args, name = request.args, request.args.interface("bridge")
    number, port = args.integer("connection"), args.integer("port", least=1, most=65535)
    asked = _addresses(args)
    found = bridge.links().get(name)
    if found is None:
        raise RefusedError(f"there is no bridge {name} here: the guest does not run")
    request.service.connections.open(number, name, ways(name, found.addresses, asked, port))
    return {}


@verb("connection.send", _per_connection)
def _send(request: Request) -> Result:
    data = request.args.data("data")
    request.service.connections.send(request.args.integer("connection"), data)
    return {}


@verb("connection.end", _per_connection)
def _end(request: Request) -> Result:
    request.service.connections.end(request.args.integer("connection"))
    return {}


@verb("connection.passed-on")
def _passed_on(request: Request) -> Result:
    args = request.args
    request.service.connections.passed_on(args.integer("connection"), args.integer("bytes"))
    return {}


@verb("connection.close", _per_connection)
def _close(request: Request) -> Result:
    request.service.connections.close(request.args.integer("connection"))
    return {}
