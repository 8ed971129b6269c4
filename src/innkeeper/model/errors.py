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


class Code(IntEnum):
    """What kind of refusal it is; the numbers are OpenNebula's wire codes."""

    AUTHENTICATION = 0x0100
    AUTHORIZATION = 0x0200
    NO_EXISTS = 0x0400
    ACTION = 0x0800
    BAD_ARGUMENT = 0x1000
    INTERNAL = 0x2000
    ALLOCATE = 0x4000


class Refusal(Exception):
    """A request that is not carried out; nothing was changed.

    `object_id` is the object that caused it (-1: none).
    """

    def __init__(self, code: Code, text: str, object_id: int = -1) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.object_id = object_id


class StoreFailed(Refusal):
    """The store has failed: no change is possible until the front end starts anew."""

    def __init__(self, text: str) -> None:
        super().__init__(Code.INTERNAL, text)


def not_found(what: str, object_id: int) -> Refusal:
    """No object of kind `what` has this number."""
    return Refusal(Code.NO_EXISTS, f"Error getting {what} [{object_id}].", object_id)


def wrong_state(text: str, object_id: int = -1) -> Refusal:
    """The object's state does not allow what was asked."""
    return Refusal(Code.ACTION, text, object_id)


def bad_argument(text: str, object_id: int = -1) -> Refusal:
    """An argument has a value outside its range."""
    return Refusal(Code.BAD_ARGUMENT, text, object_id)


def invalid(text: str, object_id: int = -1) -> Refusal:
    """A template or name is not acceptable (OpenNebula answers these as INTERNAL)."""
    return Refusal(Code.INTERNAL, text, object_id)


def cannot_allocate(what: str, text: str) -> Refusal:
    """A creation failed after authorization."""
    return Refusal(Code.ALLOCATE, f"Error allocating a new {what}. {text}")


class InvariantBroken(Exception):
    """Our own rules were broken: a defect, never a user's fault. Carries the object's story."""
