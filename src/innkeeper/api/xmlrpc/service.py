"""OpenNebula's XML-RPC API: takes a call, finds out who calls, carries it out, answers.

Refusals become failure arrays, wrong calls faults. A defect of ours is logged with its traceback; the client learns
only that there was one.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final

from innkeeper.api.latencies import Latencies
from innkeeper.api.xmlrpc import introspection
from innkeeper.api.xmlrpc.hook_bodies import body, call_info
from innkeeper.api.xmlrpc.methods import (
    Answer,
    Desk,
    Method,
    Pieces,
    Settings,
    session_of,
)
from innkeeper.api.xmlrpc.monitoring import Monitoring
from innkeeper.api.xmlrpc.nouns import CHANGES, METHODS
from innkeeper.api.xmlrpc.wire import CallError, XmlRpcValue, failure, stream, success
from innkeeper.commands import audit, hooks
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.core import Core
from innkeeper.model.errors import Code, Refusal

log = logging.getLogger("innkeeper.api.xmlrpc")

Document = bytes | AsyncIterator[bytes]


class XmlRpc:
    """The handler of XML-RPC calls for `api.server.Application`.

    `datastore_root` is the folder below which datastores lie; images may be imported from `image_folders`, those
    of users fetched from `image_networks` besides public addresses.
    """

    def __init__(
        self,
        core: Core,
        authenticator: Authenticator,
        monitoring: Monitoring,
        *,
        datastore_root: str,
        image_folders: tuple[str, ...] = (),
        image_networks: tuple[str, ...] = (),
    ) -> None:
        settings = Settings(datastore_root, image_folders, image_networks)
        self.desk: Final = Desk(core, authenticator, monitoring, settings)
        self.latencies: Final = Latencies()
        core.watchers.append(
            lambda tx: hooks.notice(tx, lambda record: body(self.desk.view, record))
        )

    async def __call__(self, method: str, params: list[XmlRpcValue]) -> Document:
        """The response to a call: whole, or in pieces when it is long. Raises CallError for faults."""
        if introspection.answers(method):
            return await introspection.answer(method, params, self._whole)
        found = METHODS.get(method)
        if found is None:
            raise introspection.unknown(method)
        try:
            with self.latencies.timed(method):
                answer = await self._carry_out(found, params)
        except Refusal as refusal:
            self.desk.core.refused(refusal)
            log.info("%s refused: %d %r", method, refusal.code, refusal.text)
            return failure(f"[{method}] {refusal.text}", int(refusal.code), refusal.object_id)
        except CallError:
            raise
        except Exception:
            log.exception("%s failed", method)
            return failure(f"[{method}] internal error", int(Code.INTERNAL))
        return _document(answer)

    async def _carry_out(self, method: Method, params: Sequence[XmlRpcValue]) -> Answer:
        session = session_of(params)
        call = audit.current()
        if call is not None:
            call.via, call.what, call.reads = "xmlrpc", method.name, method.name not in CHANGES
            call.arguments = zip((param.name for param in method.params), params[1:], strict=False)
        caller = await self.desk.authenticator.caller(session)
        arguments = method.arguments(params[1:])
        names = [*(param.name for param in method.params), *[""] * len(params)]
        given = list(zip(names, params[1:], strict=False))
        with hooks.asked([(method.name, lambda result: call_info(method.name, given, result))]):
            return await method.work(self.desk, caller, *arguments)

    async def _whole(self, method: str, params: list[XmlRpcValue]) -> bytes:
        document = await self(method, params)
        if isinstance(document, bytes):
            return document
        return b"".join([piece async for piece in document])


def _document(answer: Answer) -> Document:
    return _paced(answer) if isinstance(answer, Pieces) else success(answer)


async def _paced(answer: Pieces) -> AsyncIterator[bytes]:
    """In pieces, with a turn for everyone else after each."""
    async for piece in stream(answer):
        yield piece
        await asyncio.sleep(0)
