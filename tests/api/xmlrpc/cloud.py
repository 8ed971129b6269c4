"""A small cloud without sockets: the core on a journal in memory, simulated hosts, and the XML-RPC handler.

Nothing happens behind the back of a test: what agents are asked for is done by `settle`.
"""

import asyncio
import xml.etree.ElementTree as ET
import xmlrpc.client
from collections import deque
from collections.abc import Sequence
from typing import Any

from innkeeper.api.xmlrpc.service import XmlRpc
from innkeeper.api.xmlrpc.wire import CallError
from innkeeper.commands import bootstrap
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.core import Core
from innkeeper.commands.monitoring import Monitoring
from innkeeper.fleet.simulated import SimulatedHost
from innkeeper.lifecycle.messages import HostUp, Instruction, Reply
from innkeeper.model.errors import Code
from innkeeper.store.memory import MemoryJournal
from innkeeper.store.samples import Samples

ADMIN = "oneadmin:secret"
#: A user like most, member of `users` only.
ALICE = "alice:secret"
BOB = "bob:secret"
USERS = {ALICE: 2, BOB: 3}

NETWORK = """
NAME = net\nVN_MAD = dummy\nBRIDGE = br0
AR = [ TYPE = IP4, IP = 10.0.0.1, SIZE = 10 ]
AR = [ TYPE = IP4_6, IP = 10.1.0.1, SIZE = 10, GLOBAL_PREFIX = "2001:db8::", ULA_PREFIX = "fd00::" ]
"""
IMAGE = "NAME = disk\nTYPE = DATABLOCK\nSIZE = 100"
VM = "NAME = guest\nCPU = 0.5\nMEMORY = 128"


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def time(self) -> float:
        """Epoch seconds."""
        return self.now


class FastPasswords:
    """Hashing that takes no time; what is tested here is not the hash."""

    def hash(self, password: str) -> str:
        """The text to store."""
        return f"hash of {password}"

    def verify(self, stored: str, password: str) -> bool:
        """Is it the password?"""
        return stored == f"hash of {password}"


async def _at_once(work: Any, *args: Any) -> Any:
    return work(*args)


class Cloud:
    """The cloud, with users alice (2) and bob (3)."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.journal = MemoryJournal()
        self.core = Core(self.journal, self.clock)
        self.world = self.core.world
        self.monitoring = Monitoring(self.world, Samples(), self.clock)
        auth = Authenticator(self.world, self.clock, FastPasswords(), _at_once)
        self.rpc = XmlRpc(
            self.core, auth, self.monitoring, datastore_root="/ds", image_folders=("/images",)
        )
        self.asked: deque[Instruction] = deque()
        self.hosts: dict[int, SimulatedHost] = {}
        self.core.dispatch = self.asked.extend
        self._runner = asyncio.Runner()
        stored = FastPasswords().hash("secret")
        self.core.transact(
            lambda tx: bootstrap.first_start(tx, stored, "zone", "/ds", simulate=True)
        )
        for name in ("alice", "bob"):
            self.do("one.user.allocate", name, "secret", "core", [1])

    def close(self) -> None:
        """Ends the loop."""
        self._runner.close()

    # ---- calls

    def document(self, method: str, *params: Any, session: str = ADMIN) -> bytes:
        """The whole response, as it would be sent. Raises CallError."""
        return self._runner.run(self._document(method, [session, *params]))

    async def _document(self, method: str, params: list[Any]) -> bytes:
        document = await self.rpc(method, params)
        if isinstance(document, bytes):
            return document
        return b"".join([piece async for piece in document])

    def answer(self, method: str, *params: Any, session: str = ADMIN) -> list[Any]:
        """The array that a client gets."""
        document = self.document(method, *params, session=session)
        ((array,), _) = xmlrpc.client.loads(document)
        assert isinstance(array, list)
        return array

    def do(self, method: str, *params: Any, session: str = ADMIN) -> Any:
        """The value of a call that succeeds."""
        ok, value, *rest = self.answer(method, *params, session=session)
        assert ok is True, value
        assert rest == [0]
        return value

    def refused(self, code: Code, method: str, *params: Any, session: str = ADMIN) -> str:
        """The text of a call that is refused with this code; nothing has changed."""
        before = self.state()
        ok, text, got, object_id, index = self.answer(method, *params, session=session)
        assert (ok, Code(got)) == (False, code), text
        assert text.startswith(f"[{method}] ")
        assert isinstance(object_id, int)
        assert index == -1
        assert self.state() == before
        return str(text)

    def fault(self, method: str, *params: Any) -> int:
        """The code of a call that is answered with a fault; nothing has changed."""
        before = self.state()
        try:
            document = self.document(method, *params)
        except CallError as error:
            assert error.text
            assert self.state() == before
            return error.code
        raise AssertionError(f"no fault: {document!r}")

    def xml(self, method: str, *params: Any, session: str = ADMIN) -> ET.Element:
        """The document that a call answers."""
        return ET.fromstring(self.do(method, *params, session=session))

    def state(self) -> tuple[Any, ...]:
        """All objects, and how far numbers are given: equal states mean that nothing changed."""
        tables = {name: dict(table.rows) for name, table in self.world.tables.items()}
        return tables, {name: count for name, count in self.world.counters.items() if count}

    # ---- hosts and guests

    def add_host(self, name: str = "node", cluster: int = -1) -> int:
        """A simulated host that is up: 8 cores, 16 GiB."""
        number: int = self.do("one.host.allocate", name, "dummy", "dummy", cluster)
        host = self.hosts[number] = SimulatedHost(name)
        self.core.take(HostUp(number, host.facts, host.perform("observe", {})))
        return number

    def settle(self) -> None:
        """Does what agents were asked for, and what follows from it, until there is nothing left."""
        while self.asked:
            asked = self.asked.popleft()
            host = self.hosts.setdefault(asked.place, SimulatedHost("nowhere"))
            result = host.perform(asked.verb, asked.args)
            if asked.operation >= 0:
                reply = Reply(
                    operation=asked.operation, step=asked.step, undoing=asked.undoing, result=result
                )
                self.core.take(reply)

    def measure(self, host_id: int) -> None:
        """A round of monitoring of a host."""
        self.monitoring.take(host_id, self.hosts[host_id].metrics())

    def add_image(self, text: str = IMAGE, *, session: str = ADMIN) -> int:
        """An image that is ready."""
        number: int = self.do("one.image.allocate", text, 1, session=session)
        self.settle()
        return number

    def add_vm(self, text: str = VM, *, session: str = ADMIN) -> int:
        """A VM that waits."""
        number: int = self.do("one.vm.allocate", text, session=session)
        self.settle()
        return number

    def add_running(self, text: str = VM, *, session: str = ADMIN) -> int:
        """A VM that runs, on a host of its own."""
        number = self.add_vm(text, session=session)
        self.do("one.vm.deploy", number, self.add_host(f"node-of-{number}"))
        self.settle()
        assert self.world.vms[number].running
        return number


def texts(element: ET.Element, path: str) -> Sequence[str]:
    """The texts of all elements at a path."""
    return [found.text or "" for found in element.findall(path)]
