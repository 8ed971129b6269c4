"""Our rules, all of them in the nftables table ``inet innkeeper``.

Each network that wants address translation has a chain of its own in that table, with its own
hook, so that networks come and go without touching each other's rules. Chains are replaced in one
nftables transaction. A lock for the whole machine guards the one step that is not: removing the
table when its last chain is gone (another root's agent may be adding one).
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import json
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import FailedError
from ..tools import run

TABLE = "inet innkeeper"
#: A folder that every machine has: locked as it is, so that no lock file is left behind.
_LOCK = Path("/run")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    descriptor = os.open(_LOCK, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def nat_chain(network: int, bridge: str) -> str:
    """The name of a network's chain."""
    return f"nat-{network}-{bridge}"


def masquerade(network: int, bridge: str, address: str) -> None:
    """What leaves the host from the subnet of ``address`` gets the host's own address."""
    subnet = ipaddress.ip_interface(address).network
    family = "ip" if subnet.version == 4 else "ip6"
    chain = f"{TABLE} {nat_chain(network, bridge)}"
    rule = f'{family} saddr {subnet} {family} daddr != {subnet} oifname != "{bridge}" masquerade'
    with _alone():
        _apply(
            f"add table {TABLE}",
            f"add chain {chain} {{ type nat hook postrouting priority srcnat; }}",
            f"flush chain {chain}",
            f"add rule {chain} {rule}",
        )


def forget(network: int, bridge: str) -> None:
    """Removes a network's rules, and the table with its last chain."""
    chain = nat_chain(network, bridge)
    with _alone():
        if chain in chains():
            _apply(f"flush chain {TABLE} {chain}", f"delete chain {TABLE} {chain}")
    remove_empty_table()


def remove_empty_table() -> None:
    """Removes our table when nothing is in it."""
    with _alone():
        listed = _listed()
        if listed is not None and all("table" in item or "metainfo" in item for item in listed):
            _apply(f"delete table {TABLE}")


def chains() -> set[str]:
    """The names of the chains in our table."""
    return {item["chain"]["name"] for item in _listed() or [] if "chain" in item}


def tables() -> str:
    """All tables of nftables, a line ``table FAMILY NAME`` each."""
    return run("nft", "list", "tables")


def _listed() -> list[dict[str, dict[str, str]]] | None:
    try:
        text = run("nft", "-j", "list", "table", *TABLE.split())
    except FailedError as problem:
        if "No such file or directory" in str(problem):
            return None
        raise
    items: list[dict[str, dict[str, str]]] = json.loads(text)["nftables"]
    return items


def _apply(*commands: str) -> None:
    run("nft", "-f", "-", stdin="\n".join(commands) + "\n")
