"""`system.*`: what XML-RPC libraries offer about the methods of a server, and several calls in one.

These answer plain values, not in OpenNebula's envelope, and need no session.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from innkeeper.api.xmlrpc.methods import NO_METHOD, WRONG_PARAMETERS
from innkeeper.api.xmlrpc.nouns import METHODS
from innkeeper.api.xmlrpc.wire import CallError, XmlRpcValue, fault, join_multicall, response

#: Bounds of one multicall: calls, and bytes of all answers together.
MOST_CALLS: Final = 1_000
MOST_BYTES: Final = 64 * 1024 * 1024

Call = Callable[[str, list[XmlRpcValue]], Awaitable[bytes]]

_OWN: Final[dict[str, tuple[list[str], str]]] = {
    "system.listMethods": (["array"], "The names of all methods."),
    "system.methodHelp": (["string", "string"], "What a method does."),
    "system.methodSignature": (["array", "string"], "The types of a method's result and parameters."),
    "system.multicall": (["array", "array"], "Several calls in one, each {methodName, params}."),
}  # fmt: skip


def answers(method: str) -> bool:
    """Is it one of these methods?"""
    return method in _OWN


async def answer(method: str, params: Sequence[XmlRpcValue], call: Call) -> bytes:
    """The response; `call` carries out one call of a multicall and answers with a whole response."""
    if method == "system.listMethods":
        return response([*sorted([*METHODS, *_OWN])])
    if method == "system.multicall":
        return await _multicall(params, call)
    name = _text(params)
    if method == "system.methodHelp":
        return response(_described(name)[1])
    return response([list(_described(name)[0])])


def _text(params: Sequence[XmlRpcValue]) -> str:
    if not params or not isinstance(params[0], str):
        raise CallError("the name of a method is expected, a string", WRONG_PARAMETERS)
    return params[0]


def _described(name: str) -> tuple[list[str], str]:
    method = METHODS.get(name)
    if method is not None:
        return method.signature, method.help
    if name not in _OWN:
        raise unknown(name)
    return _OWN[name]


def unknown(name: str) -> CallError:
    """There is no such method."""
    return CallError(f"Method '{name[:100]}' not defined", NO_METHOD)


async def _multicall(params: Sequence[XmlRpcValue], call: Call) -> bytes:
    calls = params[0] if params else None
    if not isinstance(calls, list):
        raise CallError("an array of calls is expected", WRONG_PARAMETERS)
    if len(calls) > MOST_CALLS:
        raise CallError(f"more than {MOST_CALLS} calls in one", WRONG_PARAMETERS)
    documents: list[bytes] = []
    room = MOST_BYTES
    for one in calls:
        document = await _one(one, call)
        room -= len(document)
        if room < 0:
            raise CallError(f"the answers have more than {MOST_BYTES} bytes", WRONG_PARAMETERS)
        documents.append(document)
    return join_multicall(documents)


async def _one(given: XmlRpcValue, call: Call) -> bytes:
    try:
        name, params = _name_and_params(given)
        if name == "system.multicall":
            raise CallError("a multicall cannot hold another", WRONG_PARAMETERS)
        return await call(name, params)
    except CallError as error:
        return fault(error.code, error.text)


def _name_and_params(given: XmlRpcValue) -> tuple[str, list[Any]]:
    if isinstance(given, dict):
        name, params = given.get("methodName"), given.get("params")
        if isinstance(name, str) and isinstance(params, list):
            return name, params
    raise CallError(
        "each call must be a struct of methodName, a string, and params, an array",
        WRONG_PARAMETERS,
    )
