"""Links with faults: what a network and an agent may do to a request, its effect and its reply.

A `Plan` is asked about every request when it is made and says what befalls it. Events keep their order and are lost
only with their link, because that is what a stream does; requests for one VM keep theirs, because that is what the
agent promises.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from innkeeper.fleet.link import AgentError, LinkLost, OnEvent, Result
from innkeeper.fleet.simulated import SimulatedLink
from innkeeper.lifecycle.messages import Reply

from .machines import Machine

NEVER = float("inf")


class Fault(msgspec.Struct, frozen=True):
    """What befalls one request.

    `before` happens before its effect and `after` behind it, ahead of the reply. The effect does not come about when
    the request is `lost` or the agent answers an `error` (code and text) instead; a `claim` is such an answer although
    the effect came about. The reply takes `reply_time` seconds more (NEVER: it is lost). A request that `straggles` is
    out of everybody's hands: it is not answered, keeps no order, and is carried out that many seconds later, even if
    another link has been opened since.
    """

    lost: bool = False
    error: tuple[str, str] | None = None
    claim: tuple[str, str] | None = None
    before: Callable[[], None] | None = None
    after: Callable[[], None] | None = None
    reply_time: float = 0.0
    extra_time: float = 0.0
    straggles: float = 0.0


class Plan(Protocol):
    """What decides about faults and about how long verbs take."""

    def fault(self, machine: Machine, verb: str, args: dict[str, Any]) -> Fault | None:
        """What befalls this request; None: nothing."""
        ...

    def seconds(self, verb: str) -> float:
        """How long the agent takes for a verb."""
        ...

    def repeats(self, reply: Reply) -> Sequence[float]:
        """After how many seconds the front end takes a reply once more, and again."""
        ...


class NoFaults:
    """A good day: every verb takes `each` seconds."""

    def __init__(self, each: float = 0.0) -> None:
        self.each = each

    def fault(self, machine: Machine, verb: str, args: dict[str, Any]) -> Fault | None:
        """Nothing befalls anything."""
        return None

    def seconds(self, verb: str) -> float:
        """The same for all that change something."""
        return self.each if "." in verb else 0.0

    def repeats(self, reply: Reply) -> Sequence[float]:
        """Every reply comes once."""
        return ()


class FaultyLink(SimulatedLink):
    """A link to a machine, subject to a plan. `orphan` is the front end's death: nobody listens any more."""

    host: Machine

    def __init__(self, machine: Machine, on_event: OnEvent, plan_of: Callable[[], Plan]) -> None:
        super().__init__(machine, on_event, {})
        self._plan_of = plan_of
        self._extra_time = 0.0
        self.orphaned = False

    def _seconds(self, verb: str) -> float:
        return self._plan_of().seconds(verb) + self._extra_time

    async def request(self, verb: str, args: dict[str, Any]) -> Result:
        if self.lost.done():
            raise LinkLost(self.lost.result())
        fault = self._plan_of().fault(self.host, verb, args)
        if fault is None and not self.host.frozen:
            delay = self._delay(verb, args)
            return await self._answer(delay, verb, args) if delay else self._perform(verb, args)
        return await self._faulty(fault or Fault(), verb, args)

    async def _faulty(self, fault: Fault, verb: str, args: dict[str, Any]) -> Result:
        if fault.straggles:
            self._loop.call_later(fault.straggles, self._straggle, verb, args)
        if fault.before is not None:
            fault.before()
        if self.lost.done():
            raise LinkLost(self.lost.result())
        answer: asyncio.Future[Result] = self._loop.create_future()
        self._waiting[answer] = None
        if not fault.lost and not self.orphaned:
            self._extra_time = fault.extra_time
            delay = self._delay(verb, args)
            self._extra_time = 0.0
            self._loop.call_later(delay, self._befall, fault, answer, verb, args)
        try:
            return await answer
        finally:
            self._waiting.pop(answer, None)

    def _befall(
        self, fault: Fault, answer: "asyncio.Future[Result]", verb: str, args: dict[str, Any]
    ) -> None:
        if self.host.frozen:
            self.host.held.append(lambda: self._befall(fault, answer, verb, args))
            return
        if self.host.agent is not self:
            return
        outcome: Result | AgentError
        try:
            if fault.error is not None:
                raise AgentError(*fault.error)
            outcome = self._perform(verb, args)
            if fault.claim is not None:
                raise AgentError(*fault.claim)
        except AgentError as error:
            outcome = error
        if fault.after is not None:
            fault.after()
        if fault.reply_time != NEVER:
            self._loop.call_later(fault.reply_time, _give, answer, outcome)

    def _straggle(self, verb: str, args: dict[str, Any]) -> None:
        if self.host.frozen or not self.host.reachable:
            return
        with suppress(AgentError):
            self.host.perform(verb, args)

    def _work(self, answer: "asyncio.Future[Result]", verb: str, args: dict[str, Any]) -> None:
        if self.host.frozen:
            self.host.held.append(lambda: self._work(answer, verb, args))
        else:
            super()._work(answer, verb, args)

    def tell(self, message: Result) -> None:
        if not self.orphaned and not self.host.frozen:
            super().tell(message)

    def orphan(self) -> None:
        """The front end is dead: the agent finds its input closed, unless it is quick with what it has to do."""
        self.orphaned = True
        if self._rounds is not None:
            self._rounds.cancel()


def _give(answer: "asyncio.Future[Result]", outcome: Result | AgentError) -> None:
    if answer.done():
        return
    if isinstance(outcome, AgentError):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
