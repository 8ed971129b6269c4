"""The errors that a request can end in: a closed set of codes, mapped by each protocol.

| code | XML-RPC (OpenNebula) | HTTP |
|---|---|---|
| AUTHENTICATION | 0x0100 | 401 |
| AUTHORIZATION | 0x0200 | 403 |
| NO_EXISTS | 0x0400 | 404 |
| ACTION | 0x0800 | 409 |
| BAD_ARGUMENT | 0x1000 | 400 |
| INTERNAL | 0x2000 | 400 or 500 |
| ALLOCATE | 0x4000 | 409 |
"""

import re
from enum import IntEnum
from typing import NamedTuple


class Code(IntEnum):
    """What kind of refusal it is; the numbers are OpenNebula's wire codes."""

    AUTHENTICATION = 0x0100
    AUTHORIZATION = 0x0200
    NO_EXISTS = 0x0400
    ACTION = 0x0800
    BAD_ARGUMENT = 0x1000
    INTERNAL = 0x2000
    ALLOCATE = 0x4000


class Mistake(NamedTuple):
    """What is wrong with a request: which part, what it must be, what it is."""

    field: str
    expected: str
    found: str


_BEGINS = r"(?:Error allocating a new [^.]*\. )?(?P<field>[^'\"\n]+?)"
#: How texts tell of mistakes: protocols that have members for the parts read them out of the sentence.
_SENTENCES = (
    re.compile(rf"{_BEGINS} must be (?P<expected>.+?), not (?P<found>.+?)\.?", re.DOTALL),
    re.compile(rf"{_BEGINS} is missing(?:: (?P<expected>.+) (?:is|are) expected)?\.?"),
)


def mistake_in(text: str) -> Mistake | None:
    """The parts of `FIELD must be EXPECTED, not FOUND` or `FIELD is missing: EXPECTED is expected`."""
    for sentence in _SENTENCES:
        if said := sentence.fullmatch(text):
            parts = said.groupdict()
            found = parts.get("found", "nothing")
            return Mistake(parts["field"], parts["expected"] or "a value", found)
    return None


class Refusal(Exception):
    """A request that is not carried out; nothing was changed.

    `object_id` is the object that caused it (-1: none), `mistake` what is wrong with the request, if it is that.
    """

    def __init__(
        self, code: Code, text: str, object_id: int = -1, mistake: Mistake | None = None
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.object_id = object_id
        self.mistake = mistake or mistake_in(text)


class StoreFailed(Refusal):
    """The store has failed: no change is possible until the front end starts anew."""

    def __init__(self, text: str) -> None:
        super().__init__(Code.INTERNAL, text)


def not_found(what: str, object_id: int) -> Refusal:
    """No object of kind `what` has this number."""
    mistake = Mistake(what, "the number of one that is there", str(object_id))
    return Refusal(Code.NO_EXISTS, f"Error getting {what} [{object_id}].", object_id, mistake)


def wrong_state(text: str, object_id: int = -1) -> Refusal:
    """The object's state does not allow what was asked."""
    return Refusal(Code.ACTION, text, object_id)


def bad_argument(text: str, object_id: int = -1) -> Refusal:
    """An argument has a value outside its range."""
    return Refusal(Code.BAD_ARGUMENT, text, object_id)


def invalid(text: str, object_id: int = -1, mistake: Mistake | None = None) -> Refusal:
    """A template or name is not acceptable (OpenNebula answers these as INTERNAL)."""
    return Refusal(Code.INTERNAL, text, object_id, mistake)


def cannot_allocate(what: str, text: str) -> Refusal:
    """A creation failed after authorization."""
    return Refusal(Code.ALLOCATE, f"Error allocating a new {what}. {text}")


class InvariantBroken(Exception):
    """Our own rules were broken: a defect, never a user's fault. Carries the object's story."""
