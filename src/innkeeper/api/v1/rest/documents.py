"""OpenNebula's documents over HTTP: what XML-RPC answers, for those who know its elements (`inn` is one of them).

An object and a list are shown so to whoever accepts `application/xml`. Reports (accounting, samples, logs) are there in
no other form; without that wish their elements are told in JSON. The query says what the method's parameters say.
"""

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterable, AsyncIterator
from functools import partial
from typing import Any, Final

import msgspec

from innkeeper.api.messages import Request, Response
from innkeeper.api.routing import Route
from innkeeper.api.v1.access import answer, caller_of, number
from innkeeper.api.xmlrpc import methods
from innkeeper.api.xmlrpc.hook_bodies import call_info
from innkeeper.api.xmlrpc.methods import Method, Needed, Param, Pieces
from innkeeper.api.xmlrpc.nouns import METHODS
from innkeeper.api.xmlrpc.wire import Raw, gathered, plain
from innkeeper.commands import hooks, quotas
from innkeeper.model.permissions import Caller

from . import bodies, listing
from .names import NOUNS
from .requests import Integer, text_of
from .shapes import Attributes
from .table import ROOT, Resource

XML: Final = "application/xml"
#: What is asked for unless the query says otherwise: all that the caller may use, of any time.
_DEFAULTS: Final = {"filter": -2, "rc": 0, "decrypt": False, "extended": False, "query": ""}
_OPEN: Final = -1

#: Reports: how the client calls them, where they are, and the method whose answer they are.
REPORTS: Final[dict[str, tuple[str, str]]] = {
    "accounting": ("/vms/accounting", "one.vmpool.accounting"),
    "showback": ("/vms/showback", "one.vmpool.showback"),
    "monitoring_of_vms": ("/vms/monitoring", "one.vmpool.monitoring"),
    "monitoring_of_vm": ("/vms/{id}/monitoring", "one.vm.monitoring"),
    "monitoring_of_hosts": ("/hosts/monitoring", "one.hostpool.monitoring"),
    "monitoring_of_host": ("/hosts/{id}/monitoring", "one.host.monitoring"),
    "hook_log": ("/hooks/log", "one.hooklog.info"),
    "quotas_of_users": ("/quotas/user", "one.userquota.info"),
    "quotas_of_groups": ("/quotas/group", "one.groupquota.info"),
    "raft_status": ("/zones/raft", "one.zone.raftstatus"),
    "configuration": ("/configuration", "one.system.config"),
}


def accepted(request: Request) -> bool:
    """Does the client want the document?"""
    return XML in request.headers.get("accept", "")


def document_method(resource: Resource, many: bool) -> Method | None:
    """The method that answers with the document of an object, or of many."""
    noun = NOUNS.get(resource.kind.KIND, resource.kind.KIND)
    one = METHODS.get(f"one.{noun}.info")
    whole = one is not None and not one.params
    return (
        METHODS.get(f"one.{noun}pool.info", one if whole else None)
        if many
        else None
        if whole
        else one
    )


def query_of(method: Method) -> dict[str, Any]:
    """What can be asked for, and its type."""
    return {param.name: _KINDS[param.kind] for param in method.params if param.name != "id"}


_KINDS: Final[dict[type, Any]] = {int: Integer, bool: bool, str: str}


class LimitsSaid(msgspec.Struct, forbid_unknown_fields=True):
    """Limits for those who have none of their own."""

    template: str | Attributes


class Documents:
    """All documents; `desk` is XML-RPC's."""

    def __init__(self, desk: methods.Desk) -> None:
        self.desk = desk

    def routes(self) -> list[Route]:
        """Where reports are."""
        reports = [
            Route("GET", ROOT + path, partial(self._report, METHODS[name]), query_of(METHODS[name]),
                  about=METHODS[name].help, answers=XML)
            for path, name in REPORTS.values()
        ]  # fmt: skip
        limits = [
            Route("PUT", f"{ROOT}/quotas/{holder}", partial(self._limit, holder), body=LimitsSaid,
                  about=f"Sets the limits of {holder}s that have none of their own.")
            for holder in ("user", "group")
        ]  # fmt: skip
        return [*reports, *limits]

    async def document(self, method: Method, request: Request, caller: Caller) -> Response:
        """The document that a method answers with."""
        said = listing.asked(query_of(method), request.query)
        if "id" in request.parameters:
            said["id"] = number(request, "id")
        arguments = [said.get(param.name, _default(param)) for param in method.params]
        found = await method.work(self.desk, caller, *arguments)
        assert isinstance(found, Raw)
        body = _pieces(found) if isinstance(found, Pieces) else plain(b"".join(found.parts))
        return Response(body, 200, XML)

    async def _report(self, method: Method, request: Request) -> Response:
        caller = await caller_of(request, self.desk.authenticator)
        found = await self.document(method, request, caller)
        return found if accepted(request) else answer(await _told(found.body))

    async def _limit(self, holder: str, request: Request) -> Response:
        caller = await caller_of(request, self.desk.authenticator)
        said = bodies.decoded(await bodies.of(request), LimitsSaid)["template"]
        bodies.note({"holder": holder, "template": said})
        text = said if isinstance(said, str) else text_of(said)
        name = f"one.{holder}quota.update"
        with hooks.asked([(name, lambda _: call_info(name, [("template", text)], ""))]):
            await self.desk.core.run(
                lambda tx: quotas.set_default(tx, caller, holder, text), caller.uid
            )
        return answer({})


def _default(param: Param) -> Any:
    if isinstance(param.default, Needed):
        return _DEFAULTS.get(param.name, _OPEN)
    return param.default


async def _pieces(found: Raw) -> AsyncIterator[bytes]:
    for piece in gathered(found.parts):
        yield plain(piece)


async def _told(body: bytes | AsyncIterable[bytes]) -> Any:
    whole = body if isinstance(body, bytes) else b"".join([piece async for piece in body])
    return _data(ET.fromstring(whole))  # noqa: S314 - our own document


def _data(element: ET.Element) -> Any:
    """An element as JSON: its text, or its children by lower-case name, in a list where several have one."""
    if not len(element):
        return element.text or ""
    found: dict[str, Any] = {}
    for child in element:
        name, value = child.tag.lower(), _data(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found
