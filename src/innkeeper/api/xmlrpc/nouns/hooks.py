"""`one.hook.*`, `one.hookpool.*` and `one.hooklog.*`."""

from collections.abc import Callable
from typing import Final

from innkeeper.api.xmlrpc.documents import hooks as documents
from innkeeper.api.xmlrpc.methods import (
    ID,
    UPDATE,
    Answer,
    Desk,
    Method,
    change,
    i,
    read,
    s,
)
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.api.xmlrpc.wire import Raw, escape
from innkeeper.commands import hooks
from innkeeper.model.errors import Code, Refusal, must_be
from innkeeper.model.nouns import Hook
from innkeeper.model.permissions import Caller
from innkeeper.model.world import Transaction


def log(desk: Desk, caller: Caller, least: int, most: int, hook_id: int, how: int) -> Answer:
    """Executions of all hooks, or of one, newest hook first."""
    if 0 not in caller.groups and caller.uid != 0:
        text = f"User [{caller.uid}] : the log of hooks is for administrators."
        raise Refusal(Code.AUTHORIZATION, text)
    if how not in (-1, 0, 1):
        wrong = must_be("rc", "-1 (failed), 0 (all) or 1 (well)", how)
        raise Refusal(Code.BAD_ARGUMENT, wrong)
    table = desk.world.table(Hook)
    chosen = [table[hook_id]] if hook_id >= 0 else sorted(table, key=lambda hook: -hook.id)
    return Raw(escape(documents.log(desk.view, chosen, (least, most, how))))


def methods(calls: Callable[[], frozenset[str]]) -> tuple[Method, ...]:
    """All methods; `calls` are those that hooks may be on."""

    def allocate(tx: Transaction, caller: Caller, text: str) -> int:
        return hooks.allocate(tx, caller, text, calls())

    def update(tx: Transaction, caller: Caller, hook_id: int, text: str, append: int) -> int:
        return hooks.update(tx, caller, hook_id, text, append, calls())

    noun: Noun[Hook] = Noun(
        "one.hook", Hook, "HOOK", documents.parts, filtered=False,
        whole=lambda view, _, hook: documents.with_log(view, hook),
    )  # fmt: skip
    return noun.methods(
        Method("one.hook.allocate", (s("template"),), change(allocate), "Writes a hook."),
        Method("one.hook.update", UPDATE, change(update), "Replaces (0) or merges (1) the template; TYPE stays."),
        Method("one.hook.delete", (ID,), change(hooks.delete), "Deletes a hook and its log."),
            Method("one.hook.retry", (ID, i("execution")), change(hooks.retry), "Does an execution again."),
        Method("one.hooklog.info", (i("min_ts", -1), i("max_ts", -1), i("hook", -1), i("rc", 0)), read(log),
               "Executions: since and until a time (-1: any), of a hook (-1: all), failed (-1), well (1) or all (0)."),
    )  # fmt: skip


#: Endings of methods that only look: there are no hooks on them.
LOOKS: Final = (
    "info",
    "infoextended",
    "infoset",
    "monitoring",
    "accounting",
    "showback",
    "calculateshowback",
)
