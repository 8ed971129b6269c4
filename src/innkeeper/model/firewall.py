"""Rules of security groups: what they may say, and what they mean to a host (spec: templates.md section 9.1)."""

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from .errors import BadValue, must_be
from .template import Template, Vector, as_int

PROTOCOLS = ("TCP", "UDP", "ICMP", "ICMPV6", "IPSEC", "ALL")
DIRECTIONS = ("INBOUND", "OUTBOUND")
#: Ports in one rule at most; a range counts twice.
MOST_PORTS = 15
#: Which attribute tells the type of message, for the protocols that have one.
_TYPES = {"ICMP": "ICMP_TYPE", "ICMPV6": "ICMPV6_TYPE"}

#: First and last address of a range of peers.
Span = tuple[str, str]
#: The addresses of a network's ranges; None when there is no such network.
SpansOf = Callable[[int], Sequence[Span] | None]


def checked(template: Template) -> Template:
    """A group's template with its rules in their stored form: checked, and each only once."""
    rules: list[Vector] = []
    for value in template.values("RULE"):
        if isinstance(value, str):
            raise BadValue(must_be("RULE", "like RULE=[PROTOCOL=...,RULE_TYPE=...]", value))
        rule = _checked(value)
        if rule not in rules:
            rules.append(rule)
    return template.with_("RULE", *rules)


def _checked(rule: Vector) -> Vector:
    protocol = _one_of(rule, "PROTOCOL", PROTOCOLS)
    made = {**rule, "PROTOCOL": protocol, "RULE_TYPE": _one_of(rule, "RULE_TYPE", DIRECTIONS)}
    if rule.get("RANGE"):
        if protocol not in ("TCP", "UDP"):
            raise BadValue(f"RANGE is for TCP and UDP, not for {protocol}")
        ports(rule["RANGE"])
    for of, name in _TYPES.items():
        if rule.get(name):
            if protocol != of:
                raise BadValue(f"{name} is for {of}, not for {protocol}")
            _whole(rule, name, 255)
    if rule.get("NETWORK_ID"):
        _whole(rule, "NETWORK_ID", 2**31 - 1)
    if rule.get("IP") or rule.get("SIZE"):
        _span(rule)
    return made


def _one_of(rule: Vector, name: str, words: tuple[str, ...]) -> str:
    value = rule.get(name, "").upper()
    if value not in words:
        raise BadValue(must_be(f"{name} of a RULE", f"one of {', '.join(words)}", value))
    return value


def _whole(rule: Vector, name: str, most: int) -> int:
    value = as_int(rule.get(name, ""))
    if value is None or not 0 <= value <= most:
        raise BadValue(
            must_be(f"{name} of a RULE", f"a whole number from 0 to {most}", rule.get(name))
        )
    return value


def ports(text: str) -> list[tuple[int, int]]:
    """The ports of a RANGE like "22,80:90", as first and last."""
    found = []
    for part in text.split(","):
        first, colon, last = part.strip().partition(":")
        low, high = as_int(first), as_int(last if colon else first)
        if low is None or high is None or not 0 <= low <= high <= 65535:
            raise BadValue(must_be("RANGE", "ports like 22,80:90 from 0 to 65535", text))
        found.append((low, high))
    if sum(1 if low == high else 2 for low, high in found) > MOST_PORTS:
        raise BadValue(f"RANGE has more than {MOST_PORTS} ports (a range counts twice)")
    return found


def _span(rule: Vector) -> Span:
    """The peers that IP and SIZE name."""
    try:
        first = ipaddress.ip_address(rule.get("IP", ""))
        return str(first), str(first + (_whole(rule, "SIZE", 2**31 - 1) - 1))
    except ipaddress.AddressValueError:
        raise BadValue(f"SIZE {rule['SIZE']} leads past the last address") from None
    except BadValue:
        raise
    except ValueError:
        raise BadValue(must_be("IP of a RULE", "an address", rule.get("IP"))) from None


def described(rules: Sequence[Vector], spans_of: SpansOf) -> list[dict[str, Any]] | None:
    """The rules as a host is told them; None when they allow everything, so that there is nothing to check."""
    made = [told for rule in rules if (told := _described(rule, spans_of)) is not None]
    free = {
        told["direction"] for told in made if told["protocol"] == "all" and told["peers"] is None
    }
    return None if len(free) == len(DIRECTIONS) else made


def _described(rule: Vector, spans_of: SpansOf) -> dict[str, Any] | None:
    """One rule; None when its peers are those of a network that is gone."""
    peers: Sequence[Span] | None = None
    if rule.get("IP"):
        peers = [_span(rule)]
    elif rule.get("NETWORK_ID"):
        peers = spans_of(int(rule["NETWORK_ID"]))
        if peers is None:
            return None
    protocol = rule["PROTOCOL"]
    kind = rule.get(_TYPES.get(protocol, ""), "")
    return {
        "direction": rule["RULE_TYPE"].lower(),
        "protocol": protocol.lower(),
        "ports": [list(span) for span in ports(rule["RANGE"])] if rule.get("RANGE") else None,
        "type": as_int(kind),
        "peers": None if peers is None else [list(span) for span in peers],
    }
