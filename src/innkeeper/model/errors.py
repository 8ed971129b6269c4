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
    """What is wrong with a request: which part, what it must be, what it is. Its text is the sentence that says so."""

    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        if self.found == "nothing":
            return f"{self.field} is missing: {self.expected} is expected"
        return f"{self.field} must be {self.expected}, not {self.found}"


def must_be(field: str, expected: str, value: object) -> Mistake:
    """The mistake of a value that a part may not have; None: of a part that is not there."""
    return Mistake(field, expected, "nothing" if value is None else repr(value))


class BadValue(ValueError):
    """A value that cannot be; the text says why, `mistake` does so in parts where one part is wrong."""

    def __init__(self, wrong: str | Mistake, mistake: Mistake | None = None) -> None:
        super().__init__(str(wrong))
        self.mistake = wrong if isinstance(wrong, Mistake) else mistake


class Refusal(Exception):
    """A request that is not carried out; nothing was changed.

    `object_id` is the object that caused it (-1: none), `mistake` what is wrong with the request, if it is that.
    """

    def __init__(
        self, code: Code, wrong: str | Mistake, object_id: int = -1, mistake: Mistake | None = None
    ) -> None:
        self.text = str(wrong)
        super().__init__(self.text)
        self.code = code
        self.object_id = object_id
        self.mistake = wrong if isinstance(wrong, Mistake) else mistake


class StoreFailed(Refusal):
    """The store has failed: no change is possible until the front end starts anew."""

    def __init__(self, text: str) -> None:
        super().__init__(Code.INTERNAL, text)


def not_found(what: str, object_id: int) -> Refusal:
    """No object of kind `what` has this number."""
    mistake = Mistake(what, "the number of one that is there", str(object_id))
    return Refusal(Code.NO_EXISTS, f"Error getting {what} [{object_id}].", object_id, mistake)


def wrong_state(
    wrong: str | Mistake, object_id: int = -1, mistake: Mistake | None = None
) -> Refusal:
    """The object's state does not allow what was asked."""
    return Refusal(Code.ACTION, wrong, object_id, mistake)


def bad_argument(
    wrong: str | Mistake, object_id: int = -1, mistake: Mistake | None = None
) -> Refusal:
    """An argument has a value outside its range."""
    return Refusal(Code.BAD_ARGUMENT, wrong, object_id, mistake)


def invalid(wrong: str | Mistake, object_id: int = -1, mistake: Mistake | None = None) -> Refusal:
    """A template or name is not acceptable (OpenNebula answers these as INTERNAL)."""
    return Refusal(Code.INTERNAL, wrong, object_id, mistake)


def cannot_allocate(what: str, wrong: str | Mistake, mistake: Mistake | None = None) -> Refusal:
    """A creation failed after authorization."""
    if isinstance(wrong, Mistake):
        mistake = wrong
        wrong = f"{wrong}."
    return Refusal(Code.ALLOCATE, f"Error allocating a new {what}. {wrong}", mistake=mistake)


class InvariantBroken(Exception):
    """Our own rules were broken: a defect, never a user's fault. Carries the object's story."""
