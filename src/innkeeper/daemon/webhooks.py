"""Tells webhooks what happens: signed, in order, at least once, each from its own place in the event log.

Theory of operation
-------------------
Each webhook that is enabled has a task. It takes the next events that the owner may see, sends them in one request, and
only when that was answered with success does it move the webhook's durable place on. So what dies in between sends the
same events again, and nothing is left out; receivers know events by their numbers (`seq`). What is not taken is sent
again after a delay that doubles up to an hour. How it is signed: Standard Webhooks (standardwebhooks.com), HMAC-SHA256
over the message's id, the time and the body.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import msgspec

from innkeeper.commands import webhooks
from innkeeper.commands.auth import caller_of
from innkeeper.commands.core import Core
from innkeeper.commands.happenings import Look, Page
from innkeeper.model.errors import Refusal
from innkeeper.model.webhooks import Webhook
from innkeeper.store.journal import EventRow

from .tasks import begun

log = logging.getLogger("innkeeper.webhooks")

#: Events in one request; events of others that are passed over before the place is made durable; delays in seconds.
BATCH, PASSED, FIRST_DELAY, LONGEST_DELAY = 100, 5_000, 1.0, 3600.0
#: Seconds between looks at a webhook whose owner may not log in.
IDLE = 60.0


class NotTaken(Exception):
    """What was sent was not taken; the text says why."""


#: Sends a body to an address; raises NotTaken.
Send = Callable[[str, Mapping[str, str], bytes], Awaitable[None]]


class Webhooks:
    """Runs the webhooks of a zone."""

    def __init__(self, core: Core, send: Send) -> None:
        self.core = core
        self.send = send
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Goes on with all of them."""
        for webhook in self.core.world.table(Webhook):
            self._refresh(webhook.id)

    def follow(self, events: Sequence[EventRow]) -> None:
        """Webhooks may have come, changed or gone."""
        for number in {row.id for row in events if row.kind == Webhook.KIND}:
            self._refresh(number)

    async def stop(self) -> None:
        """Sends no more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refresh(self, number: int) -> None:
        known = self._tasks.pop(number, None)
        if known is not None:
            known.cancel()
        webhook = self.core.world.table(Webhook).get(number)
        if webhook is not None and webhook.enabled:
            self._tasks[number] = begun(self._run(number), f"serving webhook {number}")

    async def _run(self, number: int) -> None:
        with suppress(Refusal):  # the store failed: the next start goes on
            place, delay = await self._place(number), FIRST_DELAY
            while True:
                webhook = self.core.world.table(Webhook)[number]
                found = self._next(webhook, place)
                why = await self._sent(webhook, found) if found and found.rows else None
                if why is not None:
                    log.info("webhook %d (%s) fails: %s", number, webhook.name, why)
                    await self.core.run(partial(webhooks.failed, webhook_id=number, why=why))
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, LONGEST_DELAY)
                elif found is None:
                    await asyncio.sleep(IDLE)
                else:
                    delay, place = FIRST_DELAY, found.next
                    if found.rows or place - webhook.after > PASSED:
                        await self.core.run(
                            partial(webhooks.delivered, webhook_id=number, after=place)
                        )
                    elif not found.more:
                        await self._more_than(place)

    async def _more_than(self, place: int) -> None:
        """Waits for what comes next."""
        await self.core.until(lambda: self.core.last_event > place, LONGEST_DELAY)

    async def _place(self, number: int) -> int:
        """The number of the last event that the webhook has, or need not have."""
        place = self.core.world.table(Webhook)[number].after
        if place < 0:
            place = self.core.last_event
            await self.core.run(partial(webhooks.delivered, webhook_id=number, after=place))
        return place

    def _next(self, webhook: Webhook, place: int) -> Page | None:
        """What comes next for its owner; None while he is not let in."""
        owner = self.core.world.users.get(webhook.uid)
        if owner is None or not owner.enabled:
            return None
        return Look(self.core, caller_of(owner), webhook.kind).page(place, BATCH)

    async def _sent(self, webhook: Webhook, found: Page) -> str | None:
        """Why it was not taken, or None."""
        told = [{"seq": seq, **msgspec.structs.asdict(row)} for seq, row in found.rows]
        body = msgspec.json.encode({"webhook": webhook.id, "events": told, "pruned": found.pruned})
        name = f"{webhook.id}-{found.rows[0][0]}-{found.rows[-1][0]}"
        headers = signed(webhook.secret, name, int(self.core.clock.time()), body)
        try:
            await self.send(webhook.url, headers, body)
        except NotTaken as why:
            return str(why)[:200]
        return None


def signed(secret: str, name: str, now: int, body: bytes) -> dict[str, str]:
    """The headers by which a receiver knows that a message is ours and new."""
    key = base64.b64decode(secret.removeprefix(webhooks.PREFIX))
    digest = hmac.digest(key, f"{name}.{now}.".encode() + body, hashlib.sha256)
    return {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
