"""People who come through the door: the same crowd, by XML-RPC and HTTP calls to the front end's ASGI application.

Their calls run side by side, as those of many clients do. Every answer must be well-formed: a document, or a refusal
with a code of the contract and a text; never a traceback, never an internal error.
"""

import asyncio
import base64
import random
import xmlrpc.client
from typing import Any
from xml.etree import ElementTree

from innkeeper.api import direct
from innkeeper.lifecycle.actions import ACTIONS
from innkeeper.model.errors import Code

from .people import MISTAKES, NETWORKS, RECOVERIES, People
from .zone import ADMIN_PASSWORD, GIB, FrontEndDied, Zone

ADMIN = f"oneadmin:{ADMIN_PASSWORD}"
USERS = tuple(f"user-{number}:secret-{number}" for number in range(4))
CODES = frozenset(int(code) for code in Code)
_HEADERS = (("content-type", "text/xml"),)


class Malformed(AssertionError):
    """An answer that is not what the contract says."""


class Door:
    """The way into the zone's front end, whichever lives."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self._front: object = None
        self._application: Any = None

    def application(self) -> Any:
        """The living front end's application; FrontEndDied when there is none."""
        front = self.zone.living
        if front is not self._front:
            self._front, self._application = front, front.application()
        return self._application

    async def call(self, method: str, *args: Any) -> tuple[bool, Any]:
        """One XML-RPC call: whether it was done, and its value or the text of its refusal."""
        front, application = self.zone.living, self.application()
        body = xmlrpc.client.dumps(args, method).encode()
        reply = await direct.exchange(application, "POST", "/RPC2", body, _HEADERS)
        if self.zone.front is not front:
            raise FrontEndDied
        if reply.status != 200:
            raise Malformed(f"{method}: HTTP {reply.status}: {reply.body!r:.300}")
        answer: Any = xmlrpc.client.loads(reply.body)[0][0]
        done, value, code = answer[0], answer[1], answer[2]
        if not done and (code not in CODES or not isinstance(value, str)):
            raise Malformed(f"{method}: {answer}")
        if not done and "internal error" in value:
            raise Malformed(f"{method}{args[1:]}: {value}")
        return done, value

    async def get(self, path: str, session: str = ADMIN) -> bytes:
        """What an HTTP address answers; it must be there."""
        front, application = self.zone.living, self.application()
        reply = await direct.exchange(application, "GET", path, headers=_authorization(session))
        if self.zone.front is not front:
            raise FrontEndDied
        if reply.status != 200:
            raise Malformed(f"GET {path}: {reply.status} {reply.body!r:.300}")
        return reply.body


def _authorization(session: str) -> list[tuple[str, str]]:
    return [("authorization", f"Basic {base64.b64encode(session.encode()).decode()}")]


def parsed(document: str) -> ElementTree.Element:
    """A document of the front end: it must be well-formed."""
    return ElementTree.fromstring(document)  # noqa: S314 - our own


class RemotePeople(People):
    """The crowd outside. Nobody waits for anybody else's answer."""

    def __init__(self, zone: Zone, chance: random.Random, addresses: int) -> None:
        super().__init__(zone, chance, addresses)
        self.door = Door(zone)
        self._calls: set[asyncio.Task[None]] = set()
        self._trouble: Exception | None = None

    # -- the beginning

    async def settle_in(self) -> None:
        """Users, networks and images to begin with."""
        for session in USERS:
            name, _, password = session.partition(":")
            await self._must("one.user.allocate", ADMIN, name, password, "core", [1])
        for number in range(NETWORKS):
            ar = f"AR=[TYPE=IP4,IP=10.{number}.0.1,SIZE={self.addresses}]"
            text = f"NAME=net-{number}\nVN_MAD=bridge\n{ar}"
            made = await self._must("one.vn.allocate", ADMIN, text, -1)
            await self._must("one.vn.chmod", ADMIN, made, 1, 1, -1, 1, 1, -1, 1, 1, -1)
        for number in range(3):
            text = f"NAME=base-{number}\nSIZE=100"
            made = await self._must("one.image.allocate", ADMIN, text, 1, False)
            await self._must("one.image.chmod", ADMIN, made, 1, 1, -1, 1, -1, -1, 1, -1, -1)

    async def add_host(self, name: str) -> None:
        """A new machine of some size becomes a host."""
        size = self.chance.choice((8, 12, 16))
        self.zone.add_machine(name, size, 2 * size * GIB)
        await self._must("one.host.allocate", ADMIN, name, "dummy", "dummy", -1)
        self._hosts += 1

    async def _must(self, method: str, *args: Any) -> Any:
        done, value = await self.door.call(method, *args)
        if not done:
            raise Malformed(f"{method}{args[1:]} was refused: {value}")
        return value

    # -- asking

    def _start(self, method: str, *args: Any) -> None:
        """Makes a call without waiting for its answer."""
        self.zone.check_alive()
        self.asked += 1
        task = self.zone.loop.create_task(self._answered(method, *args))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _answered(self, method: str, *args: Any) -> None:
        try:
            done, value = await self.door.call(method, *args)
        except FrontEndDied:
            return
        except Exception as trouble:
            self._trouble = self._trouble or trouble
            return
        self.refused += not done
        if done and method.endswith(("info", "infoextended")):
            parsed(value)

    async def create_vm(self) -> bool:
        """Somebody wants a VM, and waits to hear its number."""
        self.asked += 1
        try:
            done, value = await self.door.call(
                "one.vm.allocate", self._session(), self._wish(), self.chance.random() < 0.1
            )
        except FrontEndDied:
            return False
        if done:
            document = await self._seen(int(value))
            if document is not None and document.findtext("ID") != str(value):
                raise Malformed(f"one.vm.info {value} tells of VM {document.findtext('ID')}")
        else:
            self.refused += 1
        return done

    async def _seen(self, number: int) -> ElementTree.Element | None:
        try:
            return parsed(await self._must("one.vm.info", ADMIN, number))
        except FrontEndDied:
            return None

    async def something(self) -> None:
        """Somebody asks for something."""
        self.check()
        if self.zone.front is None:
            raise FrontEndDied
        chance = self.chance
        chance.choice((
            self._act_remotely, self._act_remotely, self._act_remotely, self._act_remotely, self._look,
            self._look, self._recover_remotely, self._host_remotely, self._image_remotely, self._mistake_remotely,
            self._network_remotely,
        ))()  # fmt: skip
        if chance.random() < 0.05:
            await self._browse()

    def check(self) -> None:
        """Raises the first answer that was not what it should be."""
        if self._trouble is not None:
            raise self._trouble

    async def _browse(self) -> None:
        """Somebody looks at the pages that are ours alone."""
        path = self.chance.choice(
            (
                "/healthz",
                "/metrics",
                "/api/v1/doctor",
                "/api/v1/events?limit=20",
                "/api/v1/vms?limit=20",
                "/api/v1/hosts",
                "/api/v1/networks",
                "/api/v1/operations",
            )
        )
        try:
            await self.door.get(path)
        except FrontEndDied:
            return

    def _session(self) -> str:
        return self.chance.choice((ADMIN, ADMIN, *USERS))

    def _number(self) -> int:
        """A VM, most often one that there is."""
        vm = self._any_vm()
        return vm.id if vm is not None and self.chance.random() < 0.98 else 99_999

    def _act_remotely(self) -> None:
        self._start(
            "one.vm.action", self._session(), self.chance.choice(tuple(ACTIONS)), self._number()
        )

    def _recover_remotely(self) -> None:
        vm, how = self._in_trouble(), self.chance.choice(RECOVERIES)
        if vm is not None:
            if how == 1:
                self.vouched.add(vm.id)
            self._start("one.vm.recover", ADMIN, vm.id, how)

    def _look(self) -> None:
        """Somebody looks at something."""
        session, number = self._session(), self._number()
        self._start(*self.chance.choice((
            ("one.vm.info", session, number),
            ("one.vmpool.info", session, -2, -1, -1, -1),
            ("one.vmpool.infoextended", session, -2, -1, -1, -1),
            ("one.hostpool.info", session),
            ("one.imagepool.info", session, -2, -1, -1),
            ("one.vnpool.info", session, -2, -1, -1),
            ("one.datastorepool.info", session),
            ("one.clusterpool.info", session),
            ("one.vm.monitoring", session, number),
        )))  # fmt: skip

    def _host_remotely(self) -> None:
        host = self._any(self.zone.world.hosts)
        away = [each.id for each in self.zone.world.hosts if each.state in (4, 8)]
        if away and self.chance.random() < 0.6:
            self._start("one.host.status", ADMIN, self.chance.choice(away), 0)
        elif host is not None:
            self._start("one.host.status", self._session(), host.id, self.chance.choice((1, 1, 2)))

    def _image_remotely(self) -> None:
        image, session = self._any(self.zone.world.images), self._session()
        number = image.id if image is not None else 99_999
        name = self._name("image")
        self._start(*self.chance.choice((
            ("one.image.allocate", session, f"NAME={name}\nSIZE=100", 1, False),
            ("one.image.clone", session, number, name, -1),
            ("one.image.delete", session, number, self.chance.random() < 0.5),
            ("one.image.persistent", session, number, self.chance.random() < 0.3),
            ("one.image.enable", session, number, True),
        )))  # fmt: skip

    def _mistake_remotely(self) -> None:
        session = self.chance.choice((ADMIN, "oneadmin:wrong", "nobody:at-all", "", USERS[0]))
        self._start("one.vm.allocate", session, self.chance.choice(MISTAKES), False)

    def _network_remotely(self) -> None:
        number = self.chance.randrange(NETWORKS)
        lease = f"LEASES=[IP=10.{number}.0.{self.chance.randrange(1, self.addresses)}]"
        session = self._session()
        self._start(*self.chance.choice((
            ("one.vn.hold", session, number, lease),
            ("one.vn.release", session, number, lease),
            ("one.vn.delete", session, number),
            ("one.vn.info", session, number),
        )))  # fmt: skip
