"""Bodies of requests: JSON of a known type, and what is said of one that is not."""

import re
from typing import Any, Final, TypeVar, get_args, get_type_hints

import msgspec

from innkeeper.api.messages import HttpError, Request
from innkeeper.api.problems import Problem
from innkeeper.commands import audit

S = TypeVar("S", bound=msgspec.Struct)

JSON: Final = "application/json"
#: Bytes of a body.
LARGEST_BODY = 1 << 20
#: What msgspec says of a value that does not fit.
_UNFIT = re.compile(
    r"Expected (?P<expected>.*?)(?:, got (?P<found>.*?))?(?: - at `\$\.?(?P<field>.*)`)?"
)
_NAMED = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<field>.*?)`.*")
_WORD = re.compile(r"Invalid enum value '?(?P<found>.*?)'? - at `\$\.(?P<field>.*)`")


async def of(request: Request) -> bytes:
    """The body of a request; none is an empty object."""
    body = await request.body(LARGEST_BODY)
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if body and kind != JSON:
        text = f"Content-Type: {JSON} is expected, not {kind[:60]!r}"
        raise Problem(415, text, field="Content-Type", expected=JSON, found=kind[:60])
    return body or b"{}"


def decoded(body: bytes, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of a body that were said."""
    found = read(body, kind)
    said = ((name, getattr(found, name)) for name in found.__struct_fields__)
    return {name: value for name, value in said if value is not msgspec.UNSET}


def read(body: bytes, kind: type[S]) -> S:
    """A body as what it is to be. How deep it may go is bounded by the type."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as problem:
        raise _unfit(str(problem), kind) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise HttpError(400, f"the body is not JSON: {problem}") from None


def _unfit(text: str, kind: type[msgspec.Struct]) -> Problem:
    members = {"field": "body", "expected": "what the schema says", "found": "something else"}
    named, unfit, word = (each.fullmatch(text) for each in (_NAMED, _UNFIT, _WORD))
    if named is not None:
        missing = named["what"].startswith("missing")
        words = ("a value", "nothing") if missing else ("no such field", "it")
        members = {"field": named["field"], "expected": words[0], "found": words[1]}
    elif word is not None:
        words = get_args(get_type_hints(kind)[word["field"]])
        members = {"field": word["field"], "expected": ", ".join(words), "found": word["found"]}
    elif unfit is not None:
        members = {
            "field": unfit["field"] or "body", "expected": unfit["expected"].replace("`", ""),
            "found": (unfit["found"] or "a value outside").replace("`", ""),
        }  # fmt: skip
    return Problem(422, text.replace("`", ""), (), **members)


def note(said: dict[str, Any]) -> None:
    """What is asked for, for the audit log, which knows what to keep to itself."""
    call = audit.current()
    if call is not None:
        call.arguments = [(name, value) for name, value in said.items() if value is not None]
