"""What goes out of the life cycle (instructions) and what comes in (events): small frozen records."""

from typing import Any

import msgspec

#: Places beside the hosts' numbers: the front end's own agent (images), and nowhere (datastores without bytes).
FRONT_END = -1
SIMULATED = -2

#: What is asked of the link to a host instead of its agent: files brought here, `{files: [{from, into, sha256}]}`.
BRING = "file.bring"

#: Reply codes after which trying again may help; see docs/agent-protocol.md.
PASSING = frozenset({"failed", "timeout", "missing", "unreachable"})


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the agent at `place` for a verb. `operation` -1: nobody waits for the reply.

    `delay` is how many seconds to wait before sending (back-off), `timeout` after how many seconds
    without a reply it counts as failed.
    """

    place: int
    verb: str
    args: dict[str, Any]
    operation: int = -1
    step: int = 0
    undoing: bool = False
    tries: int = 0
    delay: float = 0.0
    timeout: float = 60.0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's answer to an instruction; `code` is empty when it did it."""

    operation: int
    step: int
    undoing: bool = False
    tries: int = 0
    code: str = ""
    message: str = ""
    result: dict[str, Any] = {}


class HostUp(msgspec.Struct, frozen=True):
    """A link to a host's agent stands; its facts, and what it has there that is ours."""

    host_id: int
    facts: dict[str, Any]
    inventory: dict[str, Any]


class HostDown(msgspec.Struct, frozen=True):
    """A host has not been reachable for longer than it may."""

    host_id: int
    why: str


class DomainSeen(msgspec.Struct, frozen=True):
    """An agent saw a guest change: running, paused, off, crashed or saved."""

    host_id: int
    vm: int
    generation: int
    state: str
    reason: str = ""


class Sampled(msgspec.Struct, frozen=True):
    """A round of monitoring: (vm, generation, state) of each guest that the host runs.

    `drift`: where the host is not as it was told to be (None: it was told nothing). `attributes`: what the host's own
    probes tell.
    """

    host_id: int
    vms: tuple[tuple[int, int, str], ...]
    drift: list[Any] | None = None
    attributes: dict[str, str] = {}


class StoreMeasured(msgspec.Struct, frozen=True):
    """How full a datastore on the front end is, in MiB."""

    datastore: int
    total: int
    free: int
    used: int


Event = Reply | HostUp | HostDown | DomainSeen | Sampled | StoreMeasured
