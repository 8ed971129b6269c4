"""What a method is: its name, its parameters, what carries it out. The tables are in `nouns/`.

Parameters are checked as OpenNebula's library does: no casts (a boolean is no integer), too few or of another type is
a fault, trailing ones that nobody asked for are ignored (clients rely on that), optional ones may be left out.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, TypeAlias, TypeVar

from innkeeper.api.xmlrpc.documents.cache import Cache
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.api.xmlrpc.monitoring import Monitoring
from innkeeper.api.xmlrpc.wire import CallError, Raw, XmlRpcValue, escape
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.core import Core
from innkeeper.model.permissions import Caller
from innkeeper.model.world import World

WRONG_PARAMETERS: Final = -501
NO_METHOD: Final = -506

#: Objects in a pool above which its document is sent in pieces, rendered as they go.
LONG_POOL: Final = 200


class Pieces(Raw):
    """A document too long to be made in one go: its parts are rendered while it is sent."""

    __slots__ = ()


Answer: TypeAlias = int | str | Raw


# ---- parameters -------------------------------------------------------------------------------


class Needed:
    """Stands for the default of a parameter that has none."""


NEEDED: Final = Needed()


@dataclass(frozen=True)
class Param:
    """A parameter: its name in messages, its type, its default."""

    name: str
    kind: type
    default: Any = NEEDED
    bits: int = 32

    @property
    def signature(self) -> str:
        """The type as XML-RPC's introspection names it."""
        return _SIGNATURES[self.kind]

    def take(self, value: XmlRpcValue) -> Any:
        """The value, if it is of the type."""
        if type(value) is not self.kind:
            wanted = _SIGNATURES[self.kind]
            raise _wrong(f"{self.name} must be {wanted}, not {_kind_of(value)}")
        bound = 1 << self.bits - 1
        if self.kind is int and not -bound <= value < bound:  # type: ignore[operator]
            raise _wrong(f"{self.name} must be a {self.bits}-bit int, not {value!r}")
        if self.kind is list:
            _check_numbers(self.name, value)  # type: ignore[arg-type]
        return value


_SIGNATURES: Final[dict[type, str]] = {int: "int", bool: "boolean", str: "string", list: "array"}


def _kind_of(value: XmlRpcValue) -> str:
    return _SIGNATURES.get(type(value)) or type(value).__name__


def _check_numbers(name: str, values: list[XmlRpcValue]) -> None:
    for value in values:
        if type(value) is not int:
            raise _wrong(f"{name} must be an array of int, not of {_kind_of(value)}")


def _wrong(text: str) -> CallError:
    return CallError(text, WRONG_PARAMETERS)


def i(name: str, default: int | Needed = NEEDED) -> Param:
    """An integer of 32 bits."""
    return Param(name, int, default)


def i8(name: str) -> Param:
    """An integer of 64 bits."""
    return Param(name, int, bits=64)


def b(name: str, default: bool | Needed = NEEDED) -> Param:
    """A boolean."""
    return Param(name, bool, default)


def s(name: str, default: str | Needed = NEEDED) -> Param:
    """A text."""
    return Param(name, str, default)


def numbers(name: str, default: tuple[int, ...] | Needed = NEEDED) -> Param:
    """An array of integers."""
    return Param(name, list, list(default) if isinstance(default, tuple) else default)


ID: Final = i("id")
DECRYPT: Final = b("decrypt", False)
UPDATE: Final = (ID, s("template"), i("append", 0))
RENAME: Final = (ID, s("name"))
CHMOD: Final = (
    ID,
    *(i(f"{who}_{right}") for who in ("owner", "group", "other") for right in "uma"),
)
CHOWN: Final = (ID, i("uid"), i("gid"))
LOCK: Final = (ID, i("level"), b("test", False))
FILTER: Final = (i("filter"), i("start"), i("end"))


# ---- methods ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """What methods need to know: where datastores lie, from which folders and networks images may come."""

    datastore_root: str
    image_folders: tuple[str, ...] = ()
    image_networks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Desk:
    """What methods work with."""

    core: Core
    authenticator: Authenticator
    monitoring: Monitoring
    settings: Settings
    view: View = field(init=False)

    def __post_init__(self) -> None:
        view = View(self.core.world, Cache(self.core.world), self.monitoring)
        object.__setattr__(self, "view", view)

    @property
    def world(self) -> World:
        """The model."""
        return self.core.world


#: Carries a method out; called with the desk, the caller and the arguments.
Work: TypeAlias = Callable[..., Awaitable[Answer]]


@dataclass(frozen=True)
class Method:
    """A method that answers in OpenNebula's envelope. Its first parameter on the wire is the session."""

    name: str
    params: tuple[Param, ...]
    work: Work
    help: str

    @property
    def signature(self) -> list[str]:
        """Type of the result and of all parameters, for introspection."""
        return ["array", "string", *(param.signature for param in self.params)]

    def arguments(self, given: Sequence[XmlRpcValue]) -> list[Any]:
        """The arguments from what came after the session."""
        taken = [param.take(value) for param, value in zip(self.params, given, strict=False)]
        for param in self.params[len(taken) :]:
            if isinstance(param.default, Needed):
                raise _wrong(
                    f"{param.name} is missing: {len(self.params)} parameters are expected"
                    f" after the session, {len(given)} came"
                )
            taken.append(param.default)
        return taken


def session_of(params: Sequence[XmlRpcValue]) -> str:
    """The session string that every `one.` method begins with."""
    if not params:
        raise _wrong("session is missing")
    session: str = _SESSION.take(params[0])
    return session


_SESSION: Final = s("session")


def change(command: Callable[..., int | str]) -> Work:
    """A method that is a command: (transaction, caller, arguments) -> result, answered once it is durable."""

    async def work(desk: Desk, caller: Caller, *arguments: Any) -> Answer:
        return await desk.core.run(lambda tx: command(tx, caller, *arguments), caller.uid)

    return work


def read(look: Callable[..., Answer]) -> Work:
    """A method that only looks: (desk, caller, arguments) -> answer, shown once what it saw is durable."""

    async def work(desk: Desk, caller: Caller, *arguments: Any) -> Answer:
        answer = look(desk, caller, *arguments)
        await desk.core.settled()
        return answer

    return work


# ---- pools ------------------------------------------------------------------------------------

R = TypeVar("R")


def pool(
    tag: str, records: Sequence[R], parts: Callable[[R], Iterable[bytes]], end: str = ""
) -> Raw:
    """The document of a pool; `end` stands behind the last object."""
    return pool_of(tag, len(records), chain.from_iterable(map(parts, records)), end)


def pool_of(tag: str, count: int, pieces: Iterable[bytes], end: str = "") -> Raw:
    """The document of a pool of `count` objects, from the pieces that they are rendered in."""
    whole = chain((escape(f"<{tag}>"),), pieces, (escape(f"{end}</{tag}>"),))
    return Pieces.of(whole) if count > LONG_POOL else Raw.of(list(whole))
