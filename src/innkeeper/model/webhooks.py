"""Webhooks: addresses that are told what happens."""

from typing import ClassVar

from .objects import Owned


class Webhook(Owned, frozen=True, omit_defaults=True, kw_only=True):
    """An address that its owner's events are sent to, those of one `kind` of objects or (empty) all.

    `after` is the number of the last event that it has, or need not have; `secret` signs what is sent. `failing` is
    since when (epoch seconds, 0: not) it has not taken what was sent, and `failure` why; that long a time disables it.
    """

    KIND: ClassVar[str] = "webhook"
    LABEL: ClassVar[str] = "webhook"
    UNIQUE: ClassVar[str] = "owner"

    url: str
    secret: str
    kind: str = ""
    enabled: bool = True
    after: int = 0
    failing: int = 0
    failure: str = ""
