"""When a host is up and when it is down; what its station does about links that break, hang and talk nonsense."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import msgspec
import pytest

from innkeeper.fleet import station
from innkeeper.lifecycle.messages import DomainSeen, Event, HostDown, HostUp, Sampled
from innkeeper.model.states import HostState
from tests.fleet.scripted import FACTS, SILENCE, Lab, refusal
from tests.fleet.virtual import in_lab

GUEST = {"vm": 5, "generation": 2, "state": "running", "folder": True}


def downs(lab: Lab) -> list[tuple[float, str]]:
    return [(at, event.why) for at, event in lab.events(HostDown)]


def ups(lab: Lab) -> list[float]:
    return [at for at, _ in lab.events(HostUp)]


def test_a_host_comes_up_with_its_facts_and_what_is_there() -> None:
    async def test(lab: Lab) -> None:
        lab.place.answers["observe"] = {"vms": [GUEST]}
        lab.fleet.start()
        await asyncio.sleep(1)
        assert [event for _, event in lab.taken] == [HostUp(0, FACTS, {"vms": [GUEST]})]
        assert [(verb, args) for _, verb, args in lab.place.asked] == [
            ("identify", {"root": "/r"}),
            ("hello", {"host": 0, "root": "/r", "zone": "z"}), ("observe", {}),
            ("monitor", {"interval": 30.0, "first": 30.0}),
        ]  # fmt: skip

    in_lab(test)


def test_a_host_without_a_link_is_down_after_the_grace_with_the_latest_reason() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        await asyncio.sleep(100)
        lab.place.entry = OSError("no route to host")
        lab.place.lose("the cable is out")
        await asyncio.sleep(station.GRACE - 0.001)
        assert not downs(lab)
        await asyncio.sleep(500)
        assert downs(lab) == [(100 + station.GRACE, "no agent: no route to host")]
        assert ups(lab) == [0.0]
        lab.place.entry = None
        await asyncio.sleep(station.LAST_PAUSE)
        assert len(ups(lab)) == 2 and len(downs(lab)) == 1

    in_lab(test)


def test_a_link_that_is_soon_back_makes_nobody_down() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        await asyncio.sleep(100)
        for _ in range(5):
            lab.place.lose()
            await asyncio.sleep(40)
        assert len(ups(lab)) == 6 and not downs(lab)

    in_lab(test)


@pytest.mark.parametrize(
    ("state", "when"), [(HostState.INIT, 0.0), (HostState.ERROR, 0.0), (HostState.MONITORED, 30.0)]
)
def test_a_first_failure_tells_at_once_about_a_host_of_which_nothing_is_known(
    state: HostState, when: float
) -> None:
    async def test(lab: Lab) -> None:
        lab.place.entry = OSError("connection refused")
        lab.fleet.start()
        await asyncio.sleep(100)
        assert downs(lab) == [(when, "no agent: connection refused")]

    in_lab(test, state=state)


def test_a_new_host_that_has_been_up_once_gets_its_grace() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        await asyncio.sleep(5)
        lab.place.entry = OSError("gone")
        lab.place.lose()
        await asyncio.sleep(100)
        assert downs(lab) == [(5 + station.GRACE, "no agent: gone")]

    in_lab(test, state=HostState.INIT)


@pytest.mark.parametrize(
    ("verb", "limit", "why"),
    [("hello", station.HELLO, "an answer to hello took longer than 120 s"),
     ("observe", station.OBSERVING, "an answer to observe took longer than 60 s")],
)  # fmt: skip
def test_an_agent_that_does_not_answer_is_down_in_bounded_time(
    verb: str, limit: float, why: str
) -> None:
    async def test(lab: Lab) -> None:
        lab.place.answers[verb] = SILENCE
        lab.fleet.start()
        await asyncio.sleep(1000)
        assert downs(lab) == [(limit, f"no agent: {why}")]
        assert lab.place.links > 5

    in_lab(test)


def test_a_link_that_cannot_be_opened_in_time_does_not_hold_up_the_verdict() -> None:
    async def test(lab: Lab) -> None:
        lab.place.entry = SILENCE
        lab.fleet.start()
        await asyncio.sleep(200)
        assert downs(lab)[0] == (station.GRACE, "no agent: it has not answered yet")
        assert downs(lab)[1][1] == "no agent: opening a link took longer than 60 s"
        assert len(downs(lab)) == 2

    in_lab(test)


def test_a_hello_under_way_is_let_finish_though_the_grace_is_over() -> None:
    async def test(lab: Lab) -> None:
        async def hello(_: Any) -> Any:
            await asyncio.sleep(50)
            return FACTS

        lab.fleet.start()
        await asyncio.sleep(100)
        lab.place.answers["hello"] = hello
        lab.place.lose()
        await asyncio.sleep(100)
        assert len(ups(lab)) == 2 and not downs(lab)

    in_lab(test)


def test_an_agent_that_answers_no_ping_is_lost() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        await asyncio.sleep(95)
        assert len(lab.place.times("ping")) == 9
        lab.place.answers["ping"] = SILENCE
        lab.place.entry = OSError("refused")
        await asyncio.sleep(100)
        assert downs(lab) == [(110 + station.GRACE, "no agent: refused")]

    in_lab(test)


@pytest.mark.parametrize(
    ("verb", "answer", "why"),
    [("hello", [1], "hello: the answer must be an object, not [1]"),
     ("hello", {"cpus": "4", "memory_kib": 1}, "hello: cpus must be a whole number, not '4'"),
     ("hello", {"cpus": 4}, "hello: memory_kib must be a whole number, not None"),
     ("hello", {"cpus": 4, "memory_kib": -1}, "hello: memory_kib must be a whole number, not -1"),
     ("observe", {}, "observe: vms must be a list, not None"),
     ("observe", {"vms": [7]}, "observe: vms must have vm, generation and state, not 7"),
     ("observe", {"vms": [{"vm": 1, "generation": 1}]},
      "observe: vms must have vm, generation and state, not {'vm': 1, 'generation': 1}")],
)  # fmt: skip
def test_an_agent_that_answers_nonsense_is_down_with_a_reason(
    verb: str, answer: Any, why: str
) -> None:
    async def test(lab: Lab) -> None:
        right = lab.place.answers[verb]
        lab.place.answers[verb] = answer
        lab.fleet.start()
        await asyncio.sleep(60)
        assert downs(lab) == [(station.GRACE, f"no agent: {why}")] and not ups(lab)
        lab.place.answers[verb] = right
        await asyncio.sleep(station.LAST_PAUSE)
        assert len(ups(lab)) == 1

    in_lab(test)


@pytest.mark.parametrize("answer", [refusal("failed"), SILENCE])
@pytest.mark.parametrize("verb", ["monitor", "observe"])
def test_a_host_that_cannot_be_watched_at_the_moment_still_works(verb: str, answer: Any) -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        if verb == "monitor":
            lab.place.answers[verb] = answer
        await asyncio.sleep(20)
        lab.place.answers[verb] = answer
        await asyncio.sleep(1000)
        lab.send(1)
        await asyncio.sleep(1)
        assert lab.place.links == 1 and lab.replies()[-1][1:] == (1, "")

    in_lab(test)


def test_what_is_there_is_compared_again_from_time_to_time() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        await asyncio.sleep(3 * station.INVENTORY_EVERY + 60)
        times = ups(lab)
        assert len(times) == 4
        assert all(300 <= b - a <= 320 for a, b in itertools.pairwise(times))

    in_lab(test)


def test_what_comes_again_and_again_is_spread_over_its_period() -> None:
    def closest(times: list[float], period: float) -> float:
        """The least time between two turns in a period."""
        turns = sorted(time % period for time in times)
        return min(b - a for a, b in itertools.pairwise([*turns, turns[0] + period]))

    async def test(lab: Lab) -> None:
        lab.fleet.start()
        await asyncio.sleep(700)
        places = lab.places.values()
        last = {verb: [place.times(verb)[-1] for place in places] for verb in ("ping", "observe")}
        assert closest(last["ping"], station.HEARTBEAT) > station.HEARTBEAT / 100
        assert closest(last["observe"], station.INVENTORY_EVERY) > 0.1
        rounds = [
            at + args["first"]
            for place in places for at, verb, args in place.asked if verb == "monitor"
        ]  # fmt: skip
        assert closest(rounds, 30.0) > 0.3

    in_lab(test, hosts=40)


@pytest.mark.parametrize("again", [False, True])
def test_what_is_said_while_the_inventory_is_read_is_told_behind_it(again: bool) -> None:
    async def test(lab: Lab) -> None:
        async def observe(_: Any) -> Any:
            seen = {"vms": [dict(GUEST)]}
            lab.place.say(event="domain", vm=5, generation=2, state="off", reason="shutdown")
            await asyncio.sleep(1)
            return seen

        if again:
            lab.fleet.start()
            await asyncio.sleep(1)
            lab.taken.clear()
        lab.place.answers["observe"] = observe
        lab.fleet.start()
        await asyncio.sleep(station.INVENTORY_EVERY + 15)
        kinds = [type(event) for _, event in lab.taken]
        assert kinds[:2] == [HostUp, DomainSeen]

    in_lab(test)


def test_an_agent_that_dies_again_and_again_is_not_started_without_pause() -> None:
    async def test(lab: Lab) -> None:
        def monitor(_: Any) -> Any:
            lab.loop.call_later(0.1, lab.place.lose, "the agent crashed")
            return {}

        lab.place.answers["monitor"] = monitor
        lab.fleet.start()
        await asyncio.sleep(600)
        assert 40 <= lab.place.links <= 46

    in_lab(test)


def test_a_new_reason_for_being_down_is_told_when_it_lasts() -> None:
    async def test(lab: Lab) -> None:
        lab.place.entry = OSError("refused")
        lab.fleet.start()
        await asyncio.sleep(100)
        lab.place.entry = OSError("the host key has changed")
        await asyncio.sleep(100)
        told = [why for _, why in downs(lab)]
        assert told == ["no agent: refused", "no agent: the host key has changed"]
        texts = iter([OSError("a"), OSError("b")] * 100)
        lab.place.entry = lambda _: next(texts)
        await asyncio.sleep(600)
        assert len(downs(lab)) == 2

    in_lab(test)


def test_events_that_make_no_sense_are_passed_over() -> None:
    async def test(lab: Lab) -> None:
        heard: list[Any] = []
        lab.fleet.listeners.append(lambda place, message: heard.append((place, message["event"])))
        lab.fleet.start()
        await asyncio.sleep(1)
        lab.taken.clear()
        lab.place.say(event="domain")
        lab.place.say(event="domain", vm="5", generation=2, state="off")
        lab.place.say(event="metrics", vms=5)
        lab.place.say(event="metrics", vms=[{"vm": 5}])
        lab.place.say(event="metrics", vms=[], host=[])
        lab.place.say(event=["unheard of"])
        lab.place.say(event="domain", vm=5, generation=2, state="off")
        lab.place.say(event="metrics", host={}, vms=[GUEST])
        assert [event for _, event in lab.taken] == [
            DomainSeen(0, 5, 2, "off"), Sampled(0, ((5, 2, "running"),))
        ]  # fmt: skip
        assert len(lab.measured) == 1 and heard == [
            (0, ["unheard of"]),
            (0, "domain"),
            (0, "metrics"),
        ]
        assert not lab.place.link.lost.done()

    in_lab(test)


def test_our_own_defects_are_reported_and_the_station_goes_on() -> None:
    async def test(lab: Lab) -> None:
        def refuse(event: Event) -> None:
            raise RuntimeError(f"cannot take {type(event).__name__}")

        lab.on_take = refuse
        lab.fleet.start()
        await asyncio.sleep(60)
        assert lab.defects and not lab.taken
        lab.on_take = lambda _: None
        await asyncio.sleep(station.LAST_PAUSE)
        assert len(ups(lab)) == 1
        lab.on_take = refuse
        lab.place.say(event="domain", vm=5, generation=2, state="off")
        lab.on_take = lambda _: None
        lab.place.say(event="domain", vm=5, generation=2, state="off")
        assert len(lab.events(DomainSeen)) == 1 and not lab.place.link.lost.done()
        lab.defects.clear()

    in_lab(test)


def test_a_host_taken_offline_and_brought_back_in_the_same_instant_is_served() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        await asyncio.sleep(5)
        first = lab.place.link
        lab.host(0, HostState.OFFLINE)
        lab.fleet.refresh(0)
        lab.host(0, HostState.MONITORED)
        lab.fleet.refresh(0)
        await asyncio.sleep(5)
        assert first.closed and lab.place.links == 2 and len(ups(lab)) == 2
        assert not downs(lab)

    in_lab(test)


def test_a_renamed_host_is_reached_under_its_new_name() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        await asyncio.sleep(5)
        lab.fleet.refresh(0)
        assert lab.place.links == 1
        lab.host(0, name="other")
        lab.fleet.refresh(0)
        await asyncio.sleep(5)
        assert lab.place.links == 2 and len(ups(lab)) == 2

    in_lab(test)


def test_offline_hosts_have_no_station() -> None:
    async def test(lab: Lab) -> None:
        lab.host(0, HostState.OFFLINE)
        lab.fleet.start()
        await asyncio.sleep(100)
        assert lab.place.links == 0 and not lab.taken and not lab.fleet.stations

    in_lab(test)


@pytest.mark.parametrize("stage", ["entry", "hello", "observe", "monitor", "up", "pause"])
def test_closing_at_any_stage_leaves_nothing(stage: str) -> None:
    async def test(lab: Lab) -> None:
        if stage == "entry":
            lab.place.entry = SILENCE
        elif stage == "pause":
            lab.place.entry = OSError("refused")
        elif stage != "up":
            lab.place.answers[stage] = SILENCE
        lab.fleet.start()
        lab.send(1)
        await asyncio.sleep(7.3)

    in_lab(test)


def test_closing_before_anything_ran_leaves_nothing() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        lab.send(1)

    in_lab(test, hosts=3)


def test_an_agent_that_serves_another_host_is_left_alone() -> None:
    """Its hello would end the other's agent, whose next would end its own, and so on."""

    async def test(lab: Lab) -> None:
        other = lab.world.hosts[1]
        lab.world.replace(
            "host", 1, msgspec.structs.replace(other, facts={"root": "the same folder"})
        )
        lab.places[0].answers["identify"] = {"root": "the same folder"}
        lab.places[1].answers["identify"] = {"root": "the same folder"}
        lab.fleet.start()
        await asyncio.sleep(station.GRACE + 60)
        why = f"no agent: it is the same machine as host 1 ({other.name})"
        assert downs(lab) == [(station.GRACE, why)]
        assert {verb for _, verb, _ in lab.places[0].asked} == {"identify"}
        assert lab.places[1].links == 1
        lab.world.replace("host", 1, None)
        await asyncio.sleep(station.LAST_PAUSE)
        assert [event.host_id for _, event in lab.events(HostUp)] == [1, 0]

    in_lab(test, hosts=2)
