"""Webhooks: what they are told, whoever fails meanwhile; where they may lead; how they are signed."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
from collections.abc import Mapping
from typing import Any

import pytest

from innkeeper.commands import templates, users, webhooks
from innkeeper.commands.auth import caller_of
from innkeeper.daemon.outgoing import Outgoing
from innkeeper.daemon.webhooks import NotTaken, signed
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.permissions import Caller
from innkeeper.model.webhooks import Webhook
from innkeeper.sim.faults import NoFaults
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.zone import Zone

KEY = b"k" * 32
SECRET = webhooks.PREFIX + base64.b64encode(KEY).decode()
URL = "https://hooks.example/in"


class Receiver:
    """Takes what it is sent, unless `broken` says otherwise."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.seen: list[int] = []
        self.asked: list[float] = []
        self.broken = False

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.asked.append(self.zone.loop.time())
        await asyncio.sleep(0.5)
        if self.broken:
            raise NotTaken("out of order")
        message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = base64.b64encode(hmac.digest(KEY, message, hashlib.sha256)).decode()
        assert (url, headers["webhook-signature"]) == (URL, f"v1,{digest}")
        assert int(headers["webhook-timestamp"]) == int(self.zone.living.core.clock.time() - 0.5)
        self.seen += [event["seq"] for event in json.loads(body)["events"]]


async def zone_with(loop: VirtualLoop) -> tuple[Zone, Receiver]:
    zone = Zone(loop, NoFaults(), commit_time=0.02)
    await zone.start()
    receiver = Receiver(zone)
    zone.living.webhooks.send = receiver
    await zone.do(lambda tx: users.allocate(tx, zone.admin, "ann", "", "core", [1]))
    return zone, receiver


def ann(zone: Zone) -> Caller:
    return caller_of(zone.world.users[2])


async def made(zone: Zone, caller: Caller, **more: Any) -> int:
    said = {"name": "w", "url": URL, "secret": SECRET, "kind": "", "after": 0, **more}
    return await zone.do(lambda tx: webhooks.allocate(tx, caller, **said))


async def something(zone: Zone, caller: Caller, name: str) -> None:
    await zone.do(lambda tx: templates.allocate(tx, caller, f"NAME={name}"))


def test_all_is_told_at_least_once_whoever_fails() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone, receiver = await zone_with(loop)
        await made(zone, zone.admin)
        for turn in range(6):
            receiver.broken = turn % 3 == 1
            for number in range(5):
                await something(zone, zone.admin, f"t-{turn}-{number}")
                await asyncio.sleep(loop.random.random())
            if turn % 2:
                old = zone.living
                zone.die(keep_some=True)
                await old.webhooks.stop()
                await zone.start()
                zone.living.webhooks.send = receiver
                await old.webhooks.stop()
        receiver.broken = False
        last = zone.living.core.last_event
        await zone.until(lambda: last in receiver.seen, 7200, "everything was told")
        assert set(range(1, last + 1)) == set(receiver.seen)
        assert zone.world.table(Webhook)[0].failing == 0

    run(main, seed=5)


def test_each_owner_hears_of_what_is_his() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone, receiver = await zone_with(loop)
        await made(zone, ann(zone), kind="template", after=-1)
        await asyncio.sleep(1)
        for number in range(3):
            await something(zone, zone.admin, f"a-{number}")
            await something(zone, ann(zone), f"b-{number}")
        await asyncio.sleep(10)
        rows = dict(zone.events())
        own = [n for n, row in rows.items() if row.kind == "template" and row.detail.get("by") == 2]
        assert receiver.seen == own and len(own) == 3
        await zone.do(lambda tx: users.enable(tx, zone.admin, 2, False))
        await zone.do(lambda tx: tx.change(tx.world.templates[1], permissions=0o604))
        await something(zone, zone.admin, "c")
        await asyncio.sleep(200)
        assert receiver.seen == own

    run(main, seed=5)


def test_what_fails_is_tried_again_ever_more_seldom_and_given_up_in_the_end() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone, receiver = await zone_with(loop)
        receiver.broken = True
        await made(zone, zone.admin)
        await zone.until(
            lambda: not zone.world.table(Webhook)[0].enabled, 4 * 86_400, "it is given up"
        )
        pauses = [
            after - before
            for before, after in zip(receiver.asked, receiver.asked[1:], strict=False)
        ]
        assert [round(pause) for pause in pauses[:5]] == [2, 3, 5, 9, 17] or pauses[0] < pauses[
            1
        ] < pauses[2]
        assert 3600 <= max(pauses) < 3610 and len(receiver.asked) < 100
        webhook = zone.world.table(Webhook)[0]
        assert webhook.failure == "out of order" and webhook.after == 0
        count = len(receiver.asked)
        await asyncio.sleep(10_000)
        assert len(receiver.asked) == count
        receiver.broken = False
        await zone.do(lambda tx: webhooks.enable(tx, zone.admin, 0, True))
        await asyncio.sleep(10)
        assert 1 in receiver.seen

    run(main, seed=5)


@pytest.mark.parametrize(
    "wrong",
    [{"url": "ftp://x/"}, {"url": "http://"}, {"url": "http://u:p@x/"}, {"url": "http://x/\n"}, {"url": "http://x:99999/"},
     {"url": "http://[::1/"}, {"url": "http://x/" + "a" * 3000}, {"secret": "short"}, {"secret": "whsec_AAAA"},
     {"secret": "whsec_%%%"}, {"kind": "dragon"}, {"name": ""}],
)  # fmt: skip
def test_what_cannot_be_a_webhook(wrong: dict[str, Any]) -> None:
    async def main(loop: VirtualLoop) -> None:
        zone, _ = await zone_with(loop)
        with pytest.raises(Refusal):
            await made(zone, zone.admin, **wrong)
        assert not len(zone.world.table(Webhook))

    run(main, seed=5)


def test_a_user_has_some_and_only_his_own() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone, _ = await zone_with(loop)
        for number in range(webhooks.MOST):
            await made(zone, ann(zone), name=f"w-{number}")
        with pytest.raises(Refusal, match="10 webhooks already"):
            await made(zone, ann(zone), name="one-more")
        number = await made(zone, zone.admin)
        with pytest.raises(Refusal) as refused:
            await zone.do(lambda tx: webhooks.set_url(tx, ann(zone), number, URL))
        assert refused.value.code is Code.AUTHORIZATION

    run(main, seed=5)


# ---- over the network


ANSWERS = {
    "good": (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", "status 302"),
    "error": (b"HTTP/1.1 500 Oops\r\n\r\n", "status 500"),
    "other": (b"SSH-2.0-OpenSSH\r\n", "not HTTP"),
    "nothing": (b"", "not HTTP"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_is_answered(kind: str) -> None:
    answer, why = ANSWERS[kind]
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head + await reader.readexactly(4))
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        send = Outgoing([ipaddress.ip_network("127.0.0.0/8")])
        url, headers = f"http://127.0.0.1:{port}/in?a=b", signed(SECRET, "0-1-2", 7, b"body")
        try:
            if why:
                with pytest.raises(NotTaken, match=why):
                    await send(url, headers, b"body")
            else:
                await send(url, headers, b"body")
        finally:
            server.close()
            await server.wait_closed()

    asyncio.run(main())
    head, _, body = asked[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /in?a=b HTTP/1.1" and body == b"body"
    assert {"content-length: 4", "webhook-id: 0-1-2", "webhook-timestamp: 7"} <= set(lines)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "10.0.0.1", "192.168.1.1",
             "[::ffff:127.0.0.1]", "2130706433", "[64:ff9b::7f00:1]", "[fe80::1]", "100.64.0.1"],
)  # fmt: skip
def test_it_leads_to_public_addresses_only(host: str) -> None:
    with pytest.raises(NotTaken, match="webhooks reach no loopback"):
        asyncio.run(Outgoing([])(f"http://{host}:9/", {}, b""))
