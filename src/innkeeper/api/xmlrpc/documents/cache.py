"""Rendered documents, kept while they are right.

Theory of operation
-------------------
A form renders a record and what else the document shows (`uses`: the owner's name, the VMs of a host) into text. It
is a pure function and records are frozen, so the text is right for as long as the record is the very same one and the
rest is equal. Nobody has to tell the cache of a change.
What is kept is already escaped for XML-RPC, so that a pool is a join of bytes.
The size is bounded. When it is reached, what belongs to records that are not current any more goes first, then what
was rendered longest ago.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from innkeeper.api.xmlrpc.wire import escape
from innkeeper.model.objects import Record
from innkeeper.model.world import World

Parts = tuple[bytes, ...]

#: What an entry costs beside its text, about.
OVERHEAD = 400
#: Rendered measurements kept at most; past it all are dropped (each is then rendered once more).
MEASURED = 100_000


@dataclass(frozen=True, eq=False)
class Form:
    """A way to render a record: called with it and `uses`, it gives the document in parts."""

    name: str
    render: Callable[..., tuple[str, ...]]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A rendered document, and what it was rendered from."""

    record: Record
    uses: tuple[Any, ...]
    parts: Parts
    size: int


def escaped(parts: tuple[str, ...]) -> Parts:
    """Parts as they stand in a response; equal neighbours share their bytes."""
    done: dict[str, bytes] = {}
    return tuple([done.get(part) or done.setdefault(part, escape(part)) for part in parts])


class Cache:
    """Parts of documents by form and object. `limit` bounds the memory in bytes, about."""

    def __init__(self, world: World, limit: int = 192 * 1024 * 1024) -> None:
        self._world = world
        self._limit = limit
        self._entries: dict[str, dict[int, Entry]] = {}
        self._measured: dict[tuple[str, int], tuple[int, bytes]] = {}
        self.size = 0
        #: Bodies of many VMs in one piece (`documents/blocks.py`), by number.
        self.blocks: dict[int, Any] = {}
        self._blocks_size = 0

    def __len__(self) -> int:
        return sum(map(len, self._entries.values()))

    def of(self, form: Form) -> dict[int, Entry]:
        """What is kept of a form, by the objects' numbers: for loops to whom a call for each object is too much."""
        return self._entries.setdefault(form.name, {})

    def parts(self, form: Form, record: Record, uses: tuple[Any, ...]) -> Parts:
        """The record's document in this form."""
        kept = self.of(form)
        entry = kept.get(record.id)
        if entry is not None:
            if entry.record is record and entry.uses == uses:
                return entry.parts
            self.size -= entry.size
        parts = escaped(form.render(record, *uses))
        entry = kept[record.id] = Entry(record, uses, parts, OVERHEAD + sum(map(len, parts)))
        self.size += entry.size
        if self.size > self._limit:
            self._shrink()
        return parts

    def measured(self, form: str, number: int, when: int, render: Callable[[], bytes]) -> bytes:
        """What was measured of an object, rendered once a round: `when` is the round's time (epoch seconds)."""
        key = form, number
        kept = self._measured.get(key)
        if kept is not None and kept[0] == when:
            return kept[1]
        if len(self._measured) >= MEASURED:
            self._measured.clear()
        text = render()
        self._measured[key] = when, text
        return text

    def keep_block(self, number: int, block: Any, size: int) -> None:
        """Keeps bodies in one piece of `size` bytes; when all pieces take too much, all go."""
        self._blocks_size += size if number not in self.blocks else 0
        if self._blocks_size > self._limit // 2:
            self.blocks.clear()
            self._blocks_size = size
        self.blocks[number] = block

    def _shrink(self) -> None:
        """Down to three quarters, so that this comes rarely."""
        for stale in (True, False):
            for kept in self._entries.values():
                for number, entry in list(kept.items()):
                    if self.size <= self._limit * 3 // 4:
                        return
                    table = self._world.tables[entry.record.KIND]
                    if not stale or table.get(number) is not entry.record:
                        self.size -= kept.pop(number).size
