"""The event log as a caller may see it."""

from dataclasses import dataclass, field

from innkeeper.model.objects import Operation
from innkeeper.model.permissions import Caller, Right, may
from innkeeper.model.world import World
from innkeeper.store.journal import EventRow

from . import operations
from .core import Core

#: Events in one page at most.
PAGE = 1000
#: Pages that are looked through for the first event that the caller may see.
PAGES = 50


@dataclass
class Page:
    """Events with their numbers; where to go on; are there more already; are rows before them gone, or unknown?"""

    rows: list[tuple[int, EventRow]] = field(default_factory=list)
    next: int = 0
    more: bool = False
    pruned: bool = False


@dataclass
class Look:
    """Looks through the event log on a caller's behalf, at all or at one kind of object or one object."""

    core: Core
    caller: Caller
    kind: str = ""
    number: int = -1

    def search(self, after: int, limit: int) -> Page:
        """The next events, wherever they are in the log (but no more than `PAGES` of it are looked through)."""
        found = self.page(after, limit)
        for _ in range(PAGES):
            if found.rows or not found.more:
                break
            pruned, found = found.pruned, self.page(found.next, limit)
            found.pruned = found.pruned or pruned
        return found

    def latest(self, limit: int) -> Page:
        """The last events, oldest first: of one object all are looked through, else the last `PAGES` of the log."""
        found = Page(next=self.core.last_event)
        top = found.next
        for _ in range(PAGES):
            bottom = 0 if self._of else max(top - PAGE, 0)
            rows = self.core.journal.events(bottom, top - bottom, self._of)
            found.rows[:0] = [row for row in rows if row[0] <= top and self._wanted(row[1])]
            top = bottom
            if not top or len(found.rows) >= limit:
                break
        del found.rows[:-limit]
        return found

    @property
    def _of(self) -> tuple[str, int] | None:
        """The one object that is looked for."""
        return (self.kind, self.number) if self.kind and self.number >= 0 else None

    def page(self, after: int, limit: int) -> Page:
        """The next events after a number: at most `limit`, found among the next `PAGE` of the log."""
        lost = self._lost(after)
        if after > self.core.last_event and lost:
            return Page(next=self.core.last_event, pruned=True)
        rows = self.core.journal.events(after, PAGE, self._of)
        last = rows[-1][0] if rows else after
        found = Page(next=max(last, self.core.last_event), more=len(rows) == PAGE, pruned=lost)
        if found.more:
            found.next = last
        for number, row in rows:
            if self._wanted(row):
                if len(found.rows) == limit:
                    found.next, found.more = found.rows[-1][0], True
                    break
                found.rows.append((number, row))
        return found

    def _lost(self, after: int) -> bool:
        """Has the log no longer what came next? Nor has it, after a number that it never gave (of another's log)."""
        events = self.core.journal.events
        if after > self.core.last_event:
            return not events(after - 1, 1)
        oldest = events(0, 1)
        first = oldest[0][0] if oldest else self.core.last_event + 1
        return 0 < after < first - 1

    def _wanted(self, row: EventRow) -> bool:
        if self.kind not in ("", row.kind) or self.number not in (-1, row.id):
            return False
        return visible(self.core.world, self.caller, row)


def visible(world: World, caller: Caller, row: EventRow) -> bool:
    """May the caller know? Of what he may use; of what is gone, what he did himself."""
    if caller.admin:
        return True
    told = row.detail
    if row.kind == Operation.KIND:
        return operations.told(world, caller, row)
    table = world.tables.get(row.kind)
    record = table.get(row.id) if table is not None else None
    return told.get("by") == caller.uid if record is None else may(world, caller, Right.USE, record)
