"""Troubles: what may befall a step, as the sweep lets it happen."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from innkeeper.commands import hosts, images, vms
from innkeeper.lifecycle.engine import PROCEDURES
from innkeeper.model.errors import Refusal
from innkeeper.model.objects import Image, Vm

from .faults import NEVER, Fault
from .machines import IMAGES, Machine
from .zone import Zone

if TYPE_CHECKING:
    from .sweep import Case, Trap

#: Seconds for which a machine is away: long enough to count as down.
AWAY = 150.0
#: Seconds after which a straggler is carried out.
STRAGGLES = 60.0
#: Seconds for which a request is under way while somebody interferes.
BUSY = 20.0

Meanwhile = Callable[[Zone, tuple[str, int]], Awaitable[None]]


def never(case: "Case") -> bool:
    """It need not be got over."""
    return False


def always(case: "Case") -> bool:
    """The operation must reach its goal all the same."""
    return True


def if_tried_again(case: "Case") -> bool:
    """Only steps that are tried again get over it."""
    steps = PROCEDURES[case.procedure].steps
    return next(step for step in steps if step.name == case.step).retries > 0


@dataclass(frozen=True)
class Trouble:
    """What befalls the step's request (the first `times` of them), and what somebody does meanwhile.

    `got_over`: the operation must reach its goal all the same. `undone_at_once`: if it fails, what it made is undone by
    itself, without waiting for the host to be looked over.
    """

    befalls: "Callable[[Trap], Fault | None]"
    got_over: "Callable[[Case], bool]" = never
    times: int = 1
    meanwhile: Meanwhile | None = None
    undone_at_once: bool = False
    commit_time: float = 0.0


# ---- the front end dies ------------------------------------------------------------------------


def _front_end_dies(trap: "Trap") -> None:
    trap.zone.die()
    trap.zone.loop.create_task(trap.zone.restart())


def _dies_before(trap: "Trap") -> Fault:
    return Fault(lost=True, before=lambda: _front_end_dies(trap))


def _dies_after(trap: "Trap") -> Fault:
    return Fault(after=lambda: _front_end_dies(trap), reply_time=NEVER)


def _dies_while_storing(trap: "Trap") -> Fault:
    """The reply has been taken, and what follows from it is not durable yet."""
    trap.zone.loop.call_later(trap.seconds(".") + trap.zone.disk.delay / 2, _front_end_dies, trap)
    return Fault()


def _fails_then_dies(trap: "Trap") -> Fault:
    """The step is to be tried again in a moment; the front end does not live to see it."""
    trap.zone.loop.call_later(trap.seconds(".") + 0.5, _front_end_dies, trap)
    return Fault(error=("failed", "not now"))


# ---- the network and the agent -----------------------------------------------------------------


def _request_lost(trap: "Trap") -> Fault:
    return Fault(lost=True)


def _reply_lost(trap: "Trap") -> Fault:
    return Fault(reply_time=NEVER)


def _reply_late(trap: "Trap") -> Fault:
    return Fault(reply_time=700.0)


def _reply_slow(trap: "Trap") -> Fault:
    return Fault(reply_time=30.0)


def _reply_doubled(trap: "Trap") -> Fault:
    trap.repeated = (0.0, 1.0, 45.0)
    return Fault()


def _link_lost_before(trap: "Trap") -> Fault:
    return Fault(lost=True, before=lambda: _machine(trap).lose_link("cut", agent_ends=True))


def _link_lost_amidst(trap: "Trap") -> Fault:
    """The link is lost while the agent is at it, and it gets it done."""
    trap.zone.loop.call_later(0.3, lambda: _machine(trap).lose_link("cut", agent_ends=False))
    return Fault()


def _link_lost_after(trap: "Trap") -> Fault:
    return Fault(after=lambda: _machine(trap).lose_link("cut", agent_ends=True), reply_time=NEVER)


def _straggles(trap: "Trap") -> Fault:
    """The link is lost, and what was asked over it is carried out much later, behind what comes after it."""
    return Fault(
        lost=True,
        straggles=STRAGGLES,
        before=lambda: _machine(trap).lose_link("cut", agent_ends=True),
    )


# ---- the host ------------------------------------------------------------------------------------


def _machine(trap: "Trap") -> Machine:
    """The machine that the step is carried out on, or that the operation works on."""
    if trap.machine is not None:
        return trap.machine
    kind, number = trap.target
    if kind == Image.KIND:
        return trap.zone.machines[IMAGES]
    world = trap.zone.world
    return trap.zone.machines[world.hosts[world.vms[number].history[-1].host_id].name]


def _says(code: str) -> "Callable[[Trap], Fault]":
    return lambda trap: Fault(error=(code, f"the host says {code}"))


def _does_and_says(code: str) -> "Callable[[Trap], Fault]":
    """The effect came about, and the agent says that it did not."""

    def befalls(trap: "Trap") -> Fault:
        return Fault(claim=(code, f"the host says {code}"))

    return befalls


def _away(trap: "Trap", machine: Machine, go: Callable[[], None]) -> Callable[[], None]:
    def gone() -> None:
        go()
        trap.zone.loop.call_later(AWAY, machine.come_back)

    return gone


def _power_fails_before(trap: "Trap") -> Fault:
    machine = _machine(trap)
    return Fault(lost=True, before=_away(trap, machine, machine.power_off))


def _power_fails_after(trap: "Trap") -> Fault:
    machine = _machine(trap)
    return Fault(after=_away(trap, machine, machine.power_off), reply_time=NEVER)


def _cut_off_before(trap: "Trap") -> Fault:
    machine = _machine(trap)
    go = _away(trap, machine, lambda: machine.cut_off(agent_ends=True))
    return Fault(lost=True, before=go)


def _cut_off_amidst(trap: "Trap") -> Fault:
    """The network goes while the agent is at it; it gets it done, and nobody hears of it."""
    machine = _machine(trap)
    go = _away(trap, machine, lambda: machine.cut_off(agent_ends=False))
    trap.zone.loop.call_later(0.3, go)
    return Fault()


def _cut_off_after(trap: "Trap") -> Fault:
    machine = _machine(trap)
    go = _away(trap, machine, lambda: machine.cut_off(agent_ends=True))
    return Fault(after=go, reply_time=NEVER)


def _power_fails_for_long(trap: "Trap") -> Fault:
    machine = _machine(trap)
    return Fault(lost=True, before=machine.power_off)


async def _ends_without_the_host(zone: Zone, target: tuple[str, int]) -> None:
    """Nobody may have to wait for a host that does not come back."""
    await zone.until(zone.idle, 900, "the operation ends although its host does not return")
    for machine in zone.machines.values():
        machine.come_back()


def _frozen(seconds: float) -> "Callable[[Trap], Fault]":
    def befalls(trap: "Trap") -> Fault:
        machine = _machine(trap)
        machine.freeze()
        trap.zone.loop.call_later(seconds, machine.thaw)
        return Fault()

    return befalls


# ---- somebody interferes -------------------------------------------------------------------------


def _slow(trap: "Trap") -> Fault:
    return Fault(extra_time=BUSY)


def _late_effect(trap: "Trap") -> Fault:
    """Nothing is heard for a minute; then it is done after all."""
    return Fault(extra_time=100.0)


def _recovers(how: int) -> Meanwhile:
    async def meanwhile(zone: Zone, target: tuple[str, int]) -> None:
        kind, number = target
        await asyncio.sleep(1.0)
        if kind == Vm.KIND:
            await _tolerant(zone.do(lambda tx: vms.recover(tx, zone.admin, number, how)))

    return meanwhile


def _acts(action: str) -> Meanwhile:
    async def meanwhile(zone: Zone, target: tuple[str, int]) -> None:
        kind, number = target
        await asyncio.sleep(1.0)
        if kind == Vm.KIND:
            await _tolerant(zone.do(lambda tx: vms.act(tx, zone.admin, action, number)))

    return meanwhile


async def _does_and_resumes(zone: Zone, target: tuple[str, int]) -> None:
    """The operation ends, and the VM goes on through another stop and start before the straggler comes."""
    kind, number = target
    await zone.until(zone.idle, 600, "the operation ends")
    if kind == Vm.KIND:
        for action in ("poweroff-hard", "resume"):
            await _tolerant(
                zone.do(partial(vms.act, caller=zone.admin, action=action, vm_id=number))
            )
            await zone.until(zone.idle, 600, "the operation ends")


async def _deletes_image(zone: Zone, target: tuple[str, int]) -> None:
    kind, number = target
    await asyncio.sleep(1.0)
    if kind == Image.KIND:
        await _tolerant(zone.do(lambda tx: images.delete(tx, zone.admin, number, True)))


async def _host_offline(zone: Zone, target: tuple[str, int]) -> None:
    """The host is taken offline in the middle, and brought back later."""
    kind, number = target
    await asyncio.sleep(1.0)
    if kind != Vm.KIND:
        return
    host = zone.world.vms[number].history[-1].host_id
    await zone.do(lambda tx: hosts.status(tx, zone.admin, host, 2))
    await asyncio.sleep(AWAY)
    await zone.do(lambda tx: hosts.status(tx, zone.admin, host, 0))


async def _host_on_and_off(zone: Zone, target: tuple[str, int]) -> None:
    """Offline and back before anybody could blink."""
    kind, number = target
    if kind == Vm.KIND:
        host = zone.world.vms[number].history[-1].host_id
        await zone.do(lambda tx: hosts.status(tx, zone.admin, host, 2))
        await zone.do(lambda tx: hosts.status(tx, zone.admin, host, 0))


async def _host_disabled(zone: Zone, target: tuple[str, int]) -> None:
    kind, number = target
    if kind == Vm.KIND:
        host = zone.world.vms[number].history[-1].host_id
        await zone.do(lambda tx: hosts.status(tx, zone.admin, host, 1))
        await asyncio.sleep(AWAY)
        await zone.do(lambda tx: hosts.status(tx, zone.admin, host, 0))


async def _guest_crashes(zone: Zone, target: tuple[str, int]) -> None:
    """The guest crashes as soon as there is one."""
    _, number = target
    for _ in range(60):
        for machine in zone.machines.values():
            if machine.end_guest(number, "crashed"):
                return
        await asyncio.sleep(0.5)


async def _tolerant(work: Awaitable[object]) -> None:
    """What is not possible just now is refused, without effect."""
    try:
        await work
    except Refusal:
        return


#: All troubles by name.
TROUBLES: dict[str, Trouble] = {
    "nothing": Trouble(lambda _: None, always),
    "front end dies before it": Trouble(_dies_before, always),
    "front end dies before it twice": Trouble(_dies_before, always, times=2),
    "front end dies after its effect": Trouble(_dies_after, always),
    "front end dies after its effect thrice": Trouble(_dies_after, always, times=3),
    "front end dies while storing": Trouble(_dies_while_storing, always, commit_time=0.2),
    "fails and front end dies": Trouble(_fails_then_dies, if_tried_again),
    "request lost": Trouble(_request_lost, always),
    "reply lost": Trouble(_reply_lost, always),
    "reply late": Trouble(_reply_late, always),
    "reply slow": Trouble(_reply_slow, always),
    "reply doubled": Trouble(_reply_doubled, always),
    "all replies lost": Trouble(_reply_lost, times=1000),
    "link lost before": Trouble(_link_lost_before, always),
    "link lost amidst": Trouble(_link_lost_amidst, always),
    "link lost after": Trouble(_link_lost_after, always),
    "link lost again and again": Trouble(_link_lost_after, times=1000),
    "fails once": Trouble(_says("failed"), if_tried_again),
    "straggles": Trouble(_straggles, always),
    "straggles and is recreated": Trouble(_straggles, meanwhile=_recovers(4)),
    "straggles and is deleted": Trouble(_straggles, meanwhile=_recovers(3)),
    "straggles and is given up": Trouble(_straggles, meanwhile=_recovers(0)),
    "straggles and is acted on": Trouble(_straggles, meanwhile=_does_and_resumes),
    "fails always": Trouble(_says("failed"), times=1000, undone_at_once=True),
    "done but said to fail": Trouble(_does_and_says("failed"), if_tried_again),
    "done but always said to fail": Trouble(_does_and_says("failed"), times=1000),
    "times out once": Trouble(_says("timeout"), if_tried_again),
    "refused": Trouble(_says("refused"), undone_at_once=True),
    "always refused": Trouble(_says("refused"), times=1000),
    "done but said to be refused": Trouble(_does_and_says("refused"), undone_at_once=True),
    "stale": Trouble(_says("stale"), undone_at_once=True),
    "power fails before": Trouble(_power_fails_before),
    "power fails after": Trouble(_power_fails_after),
    "power fails for long": Trouble(_power_fails_for_long, meanwhile=_ends_without_the_host),
    "cut off before": Trouble(_cut_off_before),
    "cut off amidst": Trouble(_cut_off_amidst),
    "cut off after": Trouble(_cut_off_after),
    "frozen for a moment": Trouble(_frozen(5.0), always),
    "frozen for long": Trouble(_frozen(300.0)),
    "late effect": Trouble(_late_effect, always),
    "given up": Trouble(_slow, meanwhile=_recovers(0), undone_at_once=True),
    "taken for done": Trouble(_slow, meanwhile=_recovers(1)),
    "sent again": Trouble(_slow, always, meanwhile=_recovers(2)),
    "deleted": Trouble(_slow, meanwhile=_recovers(3)),
    "recreated": Trouble(_slow, meanwhile=_recovers(4)),
    "forgotten": Trouble(_slow, meanwhile=_recovers(5)),
    "terminated": Trouble(_slow, meanwhile=_acts("terminate-hard")),
    "powered off": Trouble(_slow, meanwhile=_acts("poweroff-hard")),
    "image deleted": Trouble(_slow, meanwhile=_deletes_image),
    "host offline": Trouble(_slow, meanwhile=_host_offline),
    "host offline and back": Trouble(_slow, meanwhile=_host_on_and_off),
    "host disabled": Trouble(_slow, meanwhile=_host_disabled),
    "guest crashes": Trouble(_slow, meanwhile=_guest_crashes),
}
