"""Methods that many nouns have: a noun says how its documents are made, and what it does besides."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from innkeeper.api.xmlrpc import pools
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.api.xmlrpc.methods import (
    CHMOD,
    CHOWN,
    DECRYPT,
    FILTER,
    ID,
    LOCK,
    RENAME,
    UPDATE,
    Answer,
    Desk,
    Method,
    Param,
    Work,
    change,
    pool,
    read,
)
from innkeeper.api.xmlrpc.wire import Raw
from innkeeper.commands import common, locks
from innkeeper.model.errors import wrong_state
from innkeeper.model.objects import Owned, Record
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Transaction, World

R = TypeVar("R", bound=Record)

#: Makes the document of an object, given what the documents of all objects of a pool share, if they do.
Parts: TypeAlias = Callable[..., Iterable[bytes]]


@dataclass(frozen=True)
class Noun(Generic[R]):
    """A kind of object as the API has it. Its methods begin with `prefix`, those of its pool with `<prefix>pool`.

    `parts` makes its document; what `gather` finds is worked out once for all documents of a pool. `whole` makes that
    of one object where it is more than what pools show; -1 stands for the number that `mine` finds. A pool without
    `filtered` takes no parameters, and lists all that the caller may use; `end` stands behind its objects.
    `without`: what other nouns can.
    """

    prefix: str
    kind: type[R]
    tag: str
    parts: Parts
    filtered: bool = True
    gather: Callable[[World], object] | None = None
    whole: Callable[[View, Caller, R], Iterable[bytes]] | None = None
    mine: Callable[[Caller], int] | None = None
    end: Callable[[World], str] | None = None
    without: tuple[str, ...] = ()

    def methods(self, *own: Method) -> tuple[Method, ...]:
        """All methods: what the noun does in its own way, and for the rest what is the same for all."""
        said = {
            *(method.name for method in own),
            *(f"{self.prefix}.{verb}" for verb in self.without),
        }
        return (*own, *(method for method in self._common() if method.name not in said))

    def never(self, verb: str, params: tuple[Param, ...], right: Right, why: str) -> Method:
        """A method that is always refused here: who may ask for it is told why."""

        def refuse(tx: Transaction, caller: Caller, object_id: int, *_: object) -> int:
            common.need(tx.world, self.kind, object_id, caller, right)
            raise wrong_state(why, object_id)

        return self._method(verb, (ID, *params), change(refuse), f"Refused: {why}.")

    def _common(self) -> Iterable[Method]:
        what = self.kind.LABEL
        yield self._method("info", (ID, DECRYPT), read(self._info), f"The document of a {what}.")
        yield self._method(
            "update", UPDATE, self._of(common.update), "Replaces (0) or merges (1) the template."
        )
        yield self._method("rename", RENAME, self._of(common.rename), "Gives another name.")
        yield self._method("delete", (ID,), self._of(common.delete), f"Deletes a {what}.")
        if issubclass(self.kind, Owned):
            yield from self._owned()
        if "lock" in self.kind.__struct_fields__:
            yield from self._lockable()
        if self.filtered:
            yield Method(
                f"{self.prefix}pool.info",
                FILTER,
                read(self._selected),
                f"Each {what}, by filter and range.",
            )
        else:
            yield Method(
                f"{self.prefix}pool.info",
                (),
                read(self._all),
                f"Each {what} that the caller may use.",
            )

    def _owned(self) -> Iterable[Method]:
        def chmod(tx: Transaction, caller: Caller, object_id: int, *bits: int) -> int:
            return common.chmod(tx, caller, self.kind, object_id, bits)  # type: ignore[type-var]

        text = "Sets (1), clears (0) or keeps (-1) nine bits: use, manage, admin of owner, group and others."
        yield self._method("chmod", CHMOD, change(chmod), text)
        yield self._method(
            "chown", CHOWN, self._of(common.chown), "Sets owner and group; -1 keeps one."
        )

    def _lockable(self) -> Iterable[Method]:
        text = "Locks: 1 use, 2 manage, 3 admin, 4 all; with test only tells whether it is locked."
        yield self._method("lock", LOCK, self._of(locks.lock), text)
        yield self._method("unlock", (ID,), self._of(locks.unlock), "Unlocks.")

    def _method(self, verb: str, params: tuple[Any, ...], work: Work, text: str) -> Method:
        return Method(f"{self.prefix}.{verb}", params, work, text)

    def _of(self, command: Callable[..., int]) -> Work:
        """A command that takes the kind after the caller, for this kind."""

        def of_kind(tx: Transaction, caller: Caller, *arguments: Any) -> int:
            return command(tx, caller, self.kind, *arguments)

        return change(of_kind)

    def _info(self, desk: Desk, caller: Caller, object_id: int, _decrypt: bool) -> Answer:
        if object_id == -1 and self.mine is not None:
            object_id = self.mine(caller)
        record = common.need(desk.world, self.kind, object_id, caller, Right.USE)
        if self.whole is not None:
            return Raw(*self.whole(desk.view, caller, record))
        return Raw(*self._document(desk)(record))

    def _selected(self, desk: Desk, caller: Caller, flag: int, start: int, end: int) -> Answer:
        table: Any = desk.world.table(self.kind)
        found: list[R] = pools.selected(desk.world, table, caller, flag, start, end)
        return self.pool(desk, found)

    def _all(self, desk: Desk, caller: Caller) -> Answer:
        return self.pool(desk, pools.all_of(desk.world, desk.world.table(self.kind), caller))

    def pool(self, desk: Desk, found: list[R]) -> Answer:
        """The document of these objects."""
        end = self.end(desk.world) if self.end is not None else ""
        return pool(f"{self.tag}_POOL", found, self._document(desk), end)

    def _document(self, desk: Desk) -> Callable[[R], Iterable[bytes]]:
        if self.gather is None:
            return partial(self.parts, desk.view)
        shared = self.gather(desk.world)
        return lambda record: self.parts(desk.view, record, shared)
