"""Quotas of users and groups, and their defaults: `one.user.quota`, `one.userquota.*` and the same for groups."""

from collections.abc import Callable, Iterator
from typing import Final

from innkeeper.api.xmlrpc.documents import users as documents
from innkeeper.api.xmlrpc.methods import ID, Answer, Desk, Method, change, read, s
from innkeeper.api.xmlrpc.wire import Raw, escape
from innkeeper.commands import quotas
from innkeeper.model.permissions import Caller
from innkeeper.model.world import Transaction

_SETTING: Final[dict[str, Callable[[Transaction, Caller, int, str], int]]] = {
    "user": quotas.set_user,
    "group": quotas.set_group,
}


def _of(holder: str) -> Iterator[Method]:
    def document(desk: Desk) -> Answer:
        return Raw(escape(documents.default_quotas(desk.world, holder)))

    def info(desk: Desk, _caller: Caller) -> Answer:
        return document(desk)

    async def update(desk: Desk, caller: Caller, text: str) -> Answer:
        await desk.core.run(lambda tx: quotas.set_default(tx, caller, holder, text), caller.uid)
        return document(desk)

    text = (s("template"),)
    setting = "Sets limits: VM, DATASTORE, NETWORK and IMAGE vectors; -1 the default, -2 none."
    yield Method(f"one.{holder}.quota", (ID, *text), change(_SETTING[holder]), setting)
    yield Method(f"one.{holder}quota.info", (), read(info), f"The default quotas of {holder}s.")
    yield Method(f"one.{holder}quota.update", text, update, f"Sets default quotas of {holder}s.")


METHODS: Final = (*_of("user"), *_of("group"))
