"""Elements that all documents are made of. Names are plain text (their rules forbid mark-up), free text is CDATA."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from html import escape

from innkeeper.model.objects import Lock, Owned
from innkeeper.model.world import World

_BITS = tuple(
    f"{who}_{right}" for who in ("OWNER", "GROUP", "OTHER") for right in ("U", "M", "A")
)  # the order of the bits of `Owned.permissions`, highest first


def text(tag: str, value: str) -> str:
    """An element with plain text."""
    return f"<{tag}>{escape(value, quote=False)}</{tag}>"


def cdata(tag: str, value: str) -> str:
    """An element with a CDATA section; what would end it early, or change on the way, is kept safe."""
    if "]]>" in value:
        value = value.replace("]]>", "]]]]><![CDATA[>")
    if "\r" in value:
        value = value.replace("\r", "]]>&#13;<![CDATA[")
    return f"<{tag}><![CDATA[{value}]]></{tag}>"


def ids(tag: str, numbers: Iterable[int]) -> str:
    """A list of numbers, ascending."""
    listed = "".join([f"<ID>{number}</ID>" for number in sorted(numbers)])
    return f"<{tag}>{listed}</{tag}>"


def children(values: Mapping[str, str]) -> str:
    """A vector's attributes as CDATA elements, sorted by name."""
    return "".join([cdata(name, values[name]) for name in sorted(values)])


@lru_cache(maxsize=512)
def permissions(bits: int) -> str:
    """The nine permission bits."""
    flags = "".join([f"<{name}>{bits >> 8 - n & 1}</{name}>" for n, name in enumerate(_BITS)])
    return f"<PERMISSIONS>{flags}</PERMISSIONS>"


def lock(held: Lock | None) -> str:
    """The lock of an object; nothing for one that is not locked."""
    if held is None:
        return ""
    return (
        f"<LOCK><LOCKED>{held.level}</LOCKED><OWNER>{held.owner}</OWNER>"
        f"<TIME>{held.time}</TIME><REQ_ID>-1</REQ_ID></LOCK>"
    )


def identity(record: Owned, uname: str, gname: str) -> str:
    """How the documents of all owned objects begin."""
    return (
        f"<ID>{record.id}</ID><UID>{record.uid}</UID><GID>{record.gid}</GID>"
        f"{text('UNAME', uname)}{text('GNAME', gname)}{text('NAME', record.name)}"
    )


def owners(world: World, record: Owned) -> tuple[str, str]:
    """The names of an object's user and group; empty for those that are gone."""
    user, group = world.users.get(record.uid), world.groups.get(record.gid)
    return user.name if user else "", group.name if group else ""
