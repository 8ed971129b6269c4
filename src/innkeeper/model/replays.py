"""Answers that are kept."""

from typing import ClassVar

from .objects import Owned


class Replay(Owned, frozen=True, omit_defaults=True, kw_only=True):
    """The answer to a request that named itself (its name is the user's key for it): given again when it comes again.

    `request` is a digest of what was asked; `at` when, in epoch seconds.
    """

    KIND: ClassVar[str] = "replay"
    LABEL: ClassVar[str] = "answer"
    UNIQUE: ClassVar[str] = "owner"

    request: str
    at: int
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
