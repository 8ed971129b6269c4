"""Quotas of users and groups, and their defaults: `one.user.quota`, `one.userquota.*` and the same for groups."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, TypeVar

from innkeeper.api.xmlrpc.documents import users as documents
from innkeeper.api.xmlrpc.methods import ID, Answer, Desk, Method, change, read, s
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.api.xmlrpc.wire import Raw, escape
from innkeeper.commands import quotas
from innkeeper.model.objects import Group, User
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


H = TypeVar("H", User, Group)


def holder(
    kind: type[H], parts: Callable[..., Iterable[bytes]], mine: Callable[[Caller], int]
) -> Noun[H]:
    """The noun of those who have quotas: their pools end with the default ones."""
    name = kind.KIND
    return Noun(
        f"one.{name}", kind, name.upper(), partial(parts, pooled=True), filtered=False, mine=mine,
        whole=lambda view, _, record: parts(view, record, pooled=False),
        end=lambda world: documents.default_quotas(world, name), without=("rename",),
    )  # fmt: skip


METHODS: Final = (*_of("user"), *_of("group"))
