"""Events as sentences for people, with objects by their names.

An event is a record of the front end's log: when, which object, what, and details. A sentence is made from a
pattern for its `what`; details that the pattern does not use follow it, so that nothing is kept from the reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any

from innkeeper.cli import formats, render
from innkeeper.cli.client import Client
from innkeeper.cli.document import parse, text_at
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import info
from innkeeper.cli.names import pool_members
from innkeeper.cli.objects import KINDS

# So many objects of a kind are asked for one by one; for more, all of the kind are.
_ONE_BY_ONE = 10

# Details that are numbers of objects, and the kinds of these.
_REFERENCES = {
    "by": "user", "uid": "user", "gid": "group", "host": "host", "cluster": "cluster",
    "datastore": "datastore", "origin": "image", "vm": "vm",
}  # fmt: skip
# Events whose `was` and `now` are numbers of objects.
_CHANGES = {"primary group": "group", "cluster": "cluster"}

# Patterns for what happened; the first whose words are all among the details is taken.
_PATTERNS = {
    "action": "{by} asks for {name}",
    "created": "{by} makes it, {state} | {by} makes it | made",
    "delete asked": "{by} asks to delete it",
    "deleted": "{by} deletes it | deleted",
    "state": "{was} -> {now}",
    "step failed": "{operation}: step {step} failed",
    "undo owed": "what {step} left on {host} has still to be removed",
    "cleanup owed": "what it left on {host} has still to be removed",
    "observed": "its host sees it {state}",
    "update": "{by} changes its attributes",
    "rename": "{by} renames it from {was} to {now}",
    "chmod": "{by} changes its permissions from {was} to {now}",
    "chown": "{by} gives it to {uid} of {gid} | {by} gives it to {uid} | {by} gives it to {gid}",
    "cluster": "{by} moves it from {was} to {now}",
    "primary group": "{by} moves it from {was} to {now}",
    "password changed": "{by} changes the password",
    "command run": "{by} runs a command in it",
    "login token made": "{by} makes a token",
    "range added": "{by} adds address range {range}",
    "range removed": "{by} removes address range {range}",
    "held": "{by} holds {address}",
    "released": "{by} releases {address}",
    "locked": "{by} locks it against {level}",
    "unlocked": "{by} unlocks it",
    "cluster added": "{by} puts it into cluster {cluster}",
    "cluster removed": "{by} takes it out of cluster {cluster}",
}
_STAGES = {
    "started": "{name} begins on {host} | {name} begins",
    "finished": "{name} is done",
    "undone": "{name} failed and was undone",
    "failed": "{name} failed",
    "replaced": "{name} gives way",
}
_LEVELS = {1: "use", 2: "management", 3: "administration"}
_RECOVERIES = ("failure", "success", "retry", "delete", "recreate", "delete-db")


class Names:
    """The names of objects, asked for once. Who may not see an object sees its number."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[tuple[str, int], str] = {}

    def learn(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Ask for all names that are in these events."""
        missing: dict[str, set[int]] = {}
        for event in events:
            for kind, number in _mentioned(event):
                if (kind, number) not in self._known and _has_name(kind) and number >= 0:
                    missing.setdefault(kind, set()).add(number)
        for kind, numbers in missing.items():
            if len(numbers) > _ONE_BY_ONE:
                self._ask_for_all(kind)
            for number in numbers:
                if (kind, number) not in self._known:
                    self._known[kind, number] = self._ask(kind, number, len(numbers))

    def of(self, kind: str, number: int) -> str:
        """The name, "" when it is not known."""
        return self._known.get((kind, number), "")

    def _ask_for_all(self, kind: str) -> None:
        try:
            rows = pool_members(self._client, KINDS[kind])
        except CliError as error:
            _only_refusals(error)
            return
        for row in rows:
            self._known[kind, int(text_at(row, "ID"))] = text_at(row, "NAME")

    def _ask(self, kind: str, number: int, wanted: int) -> str:
        # Of many, those that the list of all has not are gone: not worth a question each.
        if wanted > _ONE_BY_ONE:
            return ""
        try:
            return text_at(parse(info(self._client, KINDS[kind], number)), "NAME")
        except CliError as error:
            _only_refusals(error)
            return ""


def _has_name(kind: str) -> bool:
    """Whether objects of this kind can be asked for their names: rules have none."""
    return kind in KINDS and "show" in KINDS[kind].verbs


def _only_refusals(error: CliError) -> None:
    """A name that cannot be had is no reason to fail; a front end that cannot be reached is."""
    if error.code in (ExitCode.UNREACHABLE, ExitCode.TIMED_OUT):
        raise error


def _mentioned(event: Mapping[str, Any]) -> Iterable[tuple[str, int]]:
    yield event["kind"], event["id"]
    for key, value in (event.get("detail") or {}).items():
        kind = _kind_of(str(event["what"]), key)
        if kind and isinstance(value, int):
            yield kind, value


def _kind_of(what: str, key: str) -> str | None:
    return _CHANGES.get(what) if key in ("was", "now") else _REFERENCES.get(key)


def subject(event: Mapping[str, Any], names: Names) -> str:
    """`vm 12 web`."""
    return f"{event['kind']} {event['id']} {names.of(event['kind'], event['id'])}".rstrip()


def sentence(event: Mapping[str, Any], names: Names) -> str:
    """What happened."""
    what = str(event["what"])
    told = dict(_told(what, event.get("detail") or {}, names))
    stage = _STAGES.get(told.pop("stage", "")) if what == "operation" else None
    pattern = _pattern(stage or _PATTERNS.get(what, ""), told) or _literal(what)
    text, used = pattern.format(**told), _words(pattern)
    because = told.pop("why", "") or told.pop("message", "")
    rest = [f"{key} {value}".rstrip() for key, value in told.items() if key not in used]
    text += f" ({', '.join(rest)})" if rest else ""
    return f"{text}: {because}" if because else text


def _pattern(patterns: str, told: dict[str, str]) -> str:
    """The first of several patterns whose words are all there, "" for none."""
    return next((found for found in patterns.split(" | ") if _words(found) <= told.keys()), "")


def _words(pattern: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(pattern) if name}


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _told(what: str, detail: Mapping[str, Any], names: Names) -> Iterable[tuple[str, str]]:
    for key, value in detail.items():
        kind = _kind_of(what, key)
        if value in (None, "") or value is False or (kind and value == -1):
            continue
        if kind and isinstance(value, int):
            yield key, names.of(kind, value) or f"{kind} {value}"
        else:
            yield key, _value(key, value)


def _value(key: str, value: Any) -> str:
    if value is True:
        return ""
    if key == "how" and value in range(len(_RECOVERIES)):
        return _RECOVERIES[value]
    if key == "level" and value in _LEVELS:
        return _LEVELS[value]
    if key == "expires":
        return formats.moment(str(value))
    return render.plain(value)
