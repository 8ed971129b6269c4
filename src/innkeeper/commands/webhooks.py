"""Webhooks: asked for by anybody, about what he may see; each has its own durable place in the event log."""

import base64
import binascii
import urllib.parse

from innkeeper.model.errors import bad_argument, must_be, wrong_state
from innkeeper.model.kinds import KINDS
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.webhooks import Webhook
from innkeeper.model.world import Transaction

from .common import check_free_name, need

#: Webhooks of one user at most; seconds after which one that takes nothing is disabled.
MOST, PATIENCE = 10, 3 * 86_400
LONGEST_URL = 2_000
#: How a secret begins (Standard Webhooks); what follows is base64 of so many bytes.
PREFIX, SHORTEST, LONGEST = "whsec_", 24, 64


def allocate(
    tx: Transaction, caller: Caller, name: str, url: str, secret: str, kind: str, after: int
) -> int:
    """Makes a webhook; `after` is the event behind which it begins (-1: with what comes now)."""
    check_free_name(tx.world, Webhook, name, caller.uid)
    own = [each for each in tx.world.table(Webhook) if each.uid == caller.uid]
    if len(own) >= MOST:
        raise wrong_state(f"User {caller.uid} has {MOST} webhooks already")
    webhook = Webhook(
        id=tx.new_id(Webhook), name=name, uid=caller.uid, gid=caller.gid,
        url=_checked_url(url), secret=_checked_secret(secret), kind=_checked_kind(kind), after=after,
    )  # fmt: skip
    tx.put(webhook)
    tx.log(webhook, "created", by=caller.uid)
    return webhook.id


def set_url(tx: Transaction, caller: Caller, webhook_id: int, url: str) -> int:
    """Sends to another address."""
    return _changed(tx, caller, webhook_id, url=_checked_url(url), failing=0, failure="")


def set_secret(tx: Transaction, caller: Caller, webhook_id: int, secret: str) -> int:
    """Signs with another secret."""
    return _changed(tx, caller, webhook_id, secret=_checked_secret(secret))


def set_kind(tx: Transaction, caller: Caller, webhook_id: int, kind: str) -> int:
    """Sends the events of one kind of objects, or of all."""
    return _changed(tx, caller, webhook_id, kind=_checked_kind(kind))


def enable(tx: Transaction, caller: Caller, webhook_id: int, enabled: bool) -> int:
    """Sends, from where it stood; or does not."""
    return _changed(tx, caller, webhook_id, enabled=enabled, failing=0, failure="")


def _changed(tx: Transaction, caller: Caller, webhook_id: int, **fields: object) -> int:
    webhook = need(tx.world, Webhook, webhook_id, caller, Right.MANAGE)
    tx.log(tx.change(webhook, **fields), "changed", fields=sorted(fields), by=caller.uid)
    return webhook_id


def _checked_url(url: str) -> str:
    try:
        found = urllib.parse.urlsplit(url)
        usable = found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
    except ValueError:
        usable = False
    if (
        not usable
        or "@" in found.netloc
        or len(url) > LONGEST_URL
        or not url.isprintable()
        or " " in url
    ):
        raise bad_argument(must_be("url", "an http(s) address without a password", url[:60]))
    return url


def _checked_secret(secret: str) -> str:
    try:
        length = len(base64.b64decode(secret.removeprefix(PREFIX), validate=True))
    except (ValueError, binascii.Error):
        length = 0
    if not secret.startswith(PREFIX) or not SHORTEST <= length <= LONGEST:
        raise bad_argument(f"secret must be {PREFIX} and base64 of {SHORTEST} to {LONGEST} bytes")
    return secret


def _checked_kind(kind: str) -> str:
    if kind and kind not in KINDS:
        raise bad_argument(must_be("kind", f"one of {', '.join(KINDS)}, or empty", kind[:40]))
    return kind


# ---- what becomes of deliveries ---------------------------------------------------------------


def delivered(tx: Transaction, webhook_id: int, after: int) -> None:
    """It has everything up to this event."""
    webhook = tx.world.table(Webhook).get(webhook_id)
    if webhook is not None and after > webhook.after:
        tx.change(webhook, after=after, failing=0, failure="")


def failed(tx: Transaction, webhook_id: int, why: str) -> None:
    """It did not take what was sent; after days of that it is disabled."""
    webhook = tx.world.table(Webhook).get(webhook_id)
    if webhook is None:
        return
    since = webhook.failing or tx.second
    if tx.second - since >= PATIENCE:
        tx.log(tx.change(webhook, enabled=False, failing=since, failure=why), "disabled", why=why)
    elif (since, why) != (webhook.failing, webhook.failure):
        tx.change(webhook, failing=since, failure=why)
