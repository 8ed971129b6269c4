"""The endpoints of all resources: each takes its request apart, has the command carried out, and says what came of it.

A change is one transaction: the condition (`If-Match`), the commands, and the answer that is kept for the same request
coming again (`Idempotency-Key`) are in it together. Nothing is answered before it is durable.
"""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from functools import cached_property, partial
from typing import Any, Final

import msgspec

from innkeeper.api.latencies import Latencies
from innkeeper.api.messages import Headers, HttpError, Request, Response
from innkeeper.api.problems import Problem
from innkeeper.api.routing import Route, SocketRoute
from innkeeper.api.v1.access import caller_of
from innkeeper.api.v1.waiting import LONGEST_WAIT
from innkeeper.api.xmlrpc.hook_bodies import call_info
from innkeeper.commands import hooks, replays
from innkeeper.model.errors import not_found
from innkeeper.model.objects import Operation, Record
from innkeeper.model.permissions import Caller
from innkeeper.model.replays import Replay
from innkeeper.model.world import Transaction

from . import bodies, listing
from .bodies import JSON
from .documents import Documents, accepted, document_method
from .names import method_of
from .openapi import document
from .resources import RESOURCES
from .table import ROOT, Action, Desk, Resource

_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_NUMBER = re.compile(r"[0-9]{1,9}")
Change = Callable[[Transaction], int | str]
Handler = Callable[[Request, Caller], Awaitable[Response]]


class Rest:
    """All resources of the table."""

    def __init__(self, desk: Desk, latencies: Latencies) -> None:
        """`described`, set by who wires the daemon, are routes beside the table."""
        self.desk = desk
        self.latencies = latencies
        self.documents = Documents(desk.rpc)
        self.described: list[Route | SocketRoute] = []

    def routes(self) -> list[Route]:
        """Where they are."""
        found = self._own()
        for resource in RESOURCES:
            found += self._routes_of(resource)
        return found

    def _own(self) -> list[Route]:
        description = Route("GET", f"{ROOT}/openapi.json", self._openapi, about="This description.")
        return [description, *self.documents.routes()]

    def _routes_of(self, resource: Resource) -> list[Route]:
        where, one = resource.address, f"{resource.address}/{{id}}"
        handlers: list[tuple[str, str, Any, bool]] = [
            ("GET", where, self._list, True),
            ("POST", where, self._create, resource.create is not None),
            ("GET", one, self._one, True),
            ("PATCH", one, self._patch, bool(resource.changes)),
            ("DELETE", one, self._delete, resource.delete is not None),
            ("POST", f"{one}/actions/{{action}}", self._act, bool(resource.actions)),
        ]
        return [
            Route(verb, path, self._door(f"{verb} {path}", partial(handler, resource)))
            for verb, path, handler, there in handlers
            if there
        ]

    def _door(self, kind: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def enter(request: Request) -> Response:
            with self.latencies.timed(kind):
                caller = await caller_of(request, self.desk.authenticator)
                return await handler(request, caller)

        return enter

    async def _openapi(self, request: Request) -> Response:
        """The description of the API."""
        return _unless_known(request, self._document)

    @cached_property
    def _document(self) -> bytes:
        return msgspec.json.encode(document(RESOURCES, [*self.described, *self._own()]))

    # ---- reading

    async def _list(self, resource: Resource, request: Request, caller: Caller) -> Response:
        if accepted(request) and (method := document_method(resource, many=True)):
            return await self.documents.document(method, request, caller)
        query = listing.asked(listing.filters(resource), request.query)
        world = self.desk.world
        records, following = listing.page(world, resource, caller, query)
        items = [resource.show(world, caller, record) for record in records]
        await self.desk.core.settled()
        return _unless_known(request, msgspec.json.encode({"items": items, "next": following}))

    async def _one(self, resource: Resource, request: Request, caller: Caller) -> Response:
        number = _id(request, resource)
        if accepted(request) and (method := document_method(resource, many=False)):
            return await self.documents.document(method, request, caller)
        known = {"wait": int} if resource.past else {}
        seconds = listing.asked(known, request.query).get("wait", 0)
        if not 0 <= seconds <= LONGEST_WAIT:
            raise listing.wrong("wait", f"seconds from 0 to {LONGEST_WAIT}", str(seconds))
        table = self.desk.world.table(resource.kind)
        if seconds and number in table:
            self._seen(resource, number, caller)
            self.desk.waiting.check(caller)
            with self.desk.waiting.held(caller):
                waiting = self.desk.waiting
                await self.desk.core.until(lambda: number not in table or waiting.over, seconds)
        if resource.past and number not in table:
            await self.desk.core.settled()  # how it ended is in the log only when that is durable
        found = self._seen(resource, number, caller)
        await self.desk.core.settled()
        return _unless_known(request, msgspec.json.encode(found))

    def _seen(self, resource: Resource, number: int, caller: Caller) -> dict[str, Any]:
        world = self.desk.world
        record = world.table(resource.kind).get(number)
        if record is None:
            found = resource.past and resource.past(self.desk.core, caller, number)
            if not found:
                raise not_found(resource.kind.LABEL, number)
            return found
        resource.check(world, caller, record)
        return resource.show(world, caller, record)

    # ---- changing

    async def _create(self, resource: Resource, request: Request, caller: Caller) -> Response:
        assert resource.create is not None
        return await self._carry_out(resource, resource.create, request, caller)

    async def _act(self, resource: Resource, request: Request, caller: Caller) -> Response:
        name = request.parameters["action"]
        action = resource.action(name)
        if action is None:
            raise HttpError(404, f"{resource.path} have no action {name[:60]!r}")
        return await self._carry_out(resource, action, request, caller)

    async def _carry_out(
        self, resource: Resource, action: Action, request: Request, caller: Caller
    ) -> Response:
        body = await bodies.of(request)
        said = bodies.decoded(body, resource.requests[action.name])
        bodies.note(said)
        arguments = action.call.arguments(said)
        return await self._command(resource, action, arguments, request, caller, body)

    async def _delete(self, resource: Resource, request: Request, caller: Caller) -> Response:
        action = resource.delete
        assert action is not None
        known = {field.name: field.kind for field in action.fields}
        said = listing.asked(known, request.query)
        bodies.note(said)
        arguments = action.call.arguments(said)
        return await self._command(resource, action, arguments, request, caller, b"")

    async def _command(
        self, resource: Resource, action: Action, arguments: dict[str, Any], request: Request,
        caller: Caller, body: bytes,
    ) -> Response:  # fmt: skip
        call = action.call
        arguments = {**call.given, **arguments}
        if call.target:
            arguments[call.target] = _id(request, resource)
        if action.prepare is not None:
            arguments = await action.prepare(self.desk, caller, arguments)
        if action.secret and "idempotency-key" in request.headers:
            text = "what has secrets is not kept: no Idempotency-Key is taken here"
            raise Problem(422, text, field="Idempotency-Key", expected="nothing", found="a key")
        change = partial(call.command, caller=caller, **arguments)
        with hooks.asked([_told(resource, action, arguments)]):
            return await self._change(resource, change, request, caller, body)

    async def _patch(self, resource: Resource, request: Request, caller: Caller) -> Response:
        body, number = await bodies.of(request), _id(request, resource)
        said = bodies.decoded(body, resource.patch)
        bodies.note(said)
        changes = [
            (
                change,
                {**change.call.given, change.call.target: number, **change.call.arguments(said)},
            )
            for change in resource.changes
            if any(field.name in said for field in change.fields)
        ]
        if not changes:
            listed = ", ".join(field.name for field in msgspec.structs.fields(resource.patch))
            raise listing.wrong("body", f"one or more of {listed}", "nothing")

        def change(tx: Transaction) -> int:
            for each, arguments in changes:
                each.call.command(tx, caller, **arguments)
            return number

        with hooks.asked([_told(resource, *each) for each in changes]):
            return await self._change(resource, change, request, caller, body)

    async def _change(
        self, resource: Resource, change: Change, request: Request, caller: Caller, body: bytes
    ) -> Response:
        key, asked = _key(request), _digest(request, body)

        def transaction(tx: Transaction) -> Replay:
            kept = replays.find(tx.world, caller, key, asked, tx.now) if key else None
            if kept is not None:
                hooks.repeated()
                return kept
            self._check_condition(tx, resource, request, caller)
            answer = self._answered(tx, resource, change, request, caller)
            answer = msgspec.structs.replace(answer, name=key, request=asked)
            if key:
                answer = msgspec.structs.replace(answer, id=tx.new_id(Replay))
                replays.keep(tx, answer)
            return answer

        answer = await self.desk.core.run(transaction, caller.uid)
        await self.desk.core.settled()
        return Response(answer.body.encode(), answer.status, JSON, answer.headers)

    def _check_condition(
        self, tx: Transaction, resource: Resource, request: Request, caller: Caller
    ) -> None:
        wanted = request.headers.get("if-match")
        if wanted is None or "id" not in request.parameters:
            return
        record = tx.world.table(resource.kind)[_id(request, resource)]
        resource.check(tx.world, caller, record)
        now = _etag(msgspec.json.encode(resource.show(tx.world, caller, record)))
        if wanted.strip() != "*" and now not in _tags(wanted):
            raise Problem(
                412, "the object has changed", field="If-Match", expected=now, found=wanted[:200]
            )

    def _answered(
        self, tx: Transaction, resource: Resource, change: Change, request: Request, caller: Caller
    ) -> Replay:
        """Carries the change out; the answer says what there is now, and what is under way."""
        first = tx.world.counters.get(Operation.KIND, 0)
        result = change(tx)
        creates = "id" not in request.parameters
        number = int(result) if creates else _id(request, resource)
        record = tx.world.table(resource.kind).get(number)
        shown = None if record is None else resource.show(tx.world, caller, record)
        operation = _begun(tx, first, record)
        status, headers = 202 if operation is not None else 200, _tag(shown)
        if operation is not None:
            headers = (*headers, ("location", f"{ROOT}/operations/{operation.id}"))
        elif creates:
            status, headers = 201, (*headers, ("location", f"{resource.address}/{number}"))
        body = {
            "id": number, "result": result, "object": shown,
            "operation": None if operation is None else OPERATIONS.show(tx.world, caller, operation),
        }  # fmt: skip
        return Replay(
            id=-1, name="", uid=caller.uid, gid=caller.gid, request="", at=tx.second, status=status,
            headers=headers, body=msgspec.json.encode(body).decode(),
        )  # fmt: skip


def _told(
    resource: Resource, action: Action, arguments: dict[str, Any]
) -> tuple[str, Callable[[Replay], str]]:
    """The method of XML-RPC that does the same, and what hooks on it are given."""
    name = method_of(resource, action)
    target = action.call.target
    first = [(target, arguments[target])] if target else []
    given = [*first, *((field.parameter, arguments[field.parameter]) for field in action.fields)]
    return name, lambda answer: call_info(name, given, msgspec.json.decode(answer.body)["result"])


OPERATIONS: Final = next(each for each in RESOURCES if each.kind is Operation)


def _begun(tx: Transaction, first: int, record: Record | None) -> Operation | None:
    """The operation that a change has begun: on its object, or else the last one."""
    if isinstance(record, Operation):
        return record
    begun = [
        written for (kind, number), written in tx.writes.items()
        if kind == Operation.KIND and number >= first and isinstance(written, Operation)
    ]  # fmt: skip
    own = (
        []
        if record is None
        else [o for o in begun if (o.target_kind, o.target) == (record.KIND, record.id)]
    )
    found = own or begun
    return found[-1] if found else None


# ---- requests ---------------------------------------------------------------------------------


def _id(request: Request, resource: Resource) -> int:
    text = request.parameters["id"]
    if not _NUMBER.fullmatch(text):
        raise HttpError(404, f"there is no {resource.label} {text[:60]!r}: a number is expected")
    return int(text)


def _key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if key and not _KEY.fullmatch(key):
        raise listing.wrong("Idempotency-Key", "1 to 128 visible ASCII characters", key)
    return key


def _digest(request: Request, body: bytes) -> str:
    """What is asked for, in short."""
    query = request.scope.get("query_string", b"")
    whole = b"\0".join((request.verb.encode(), request.path.encode(), query, body))
    return hashlib.sha256(whole).hexdigest()


# ---- conditions -------------------------------------------------------------------------------


def _etag(body: bytes) -> str:
    """Names what is shown: another tag means that something has changed."""
    digest = hashlib.sha256(body).digest()[:18]
    return f'"{base64.urlsafe_b64encode(digest).decode()}"'


def _tag(shown: dict[str, Any] | None) -> Headers:
    return () if shown is None else (("etag", _etag(msgspec.json.encode(shown))),)


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _unless_known(request: Request, body: bytes) -> Response:
    """What is shown, or 304 for those who have it."""
    tag = _etag(body)
    known = request.headers.get("if-none-match", "")
    headers = (("etag", tag),)
    if known.strip() == "*" or tag in _tags(known):
        return Response(b"", 304, JSON, headers)
    return Response(body, 200, JSON, headers)
