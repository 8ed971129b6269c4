"""Instructions: sent once, sent again, dropped, and answered by exactly one reply."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from innkeeper.fleet import fleet, station
from innkeeper.fleet.link import AgentError
from innkeeper.lifecycle.messages import FRONT_END, SIMULATED, Event, HostUp, Instruction, Reply
from innkeeper.model.states import HostState
from tests.fleet.scripted import FACTS, SILENCE, Lab, refusal
from tests.fleet.virtual import in_lab


def test_an_instruction_waits_for_the_link_and_is_answered_once() -> None:
    async def test(lab: Lab) -> None:
        lab.place.entry = 7
        lab.place.answers["work"] = {"pid": 3}
        lab.fleet.start()
        lab.send(1)
        await asyncio.sleep(100)
        kinds = [type(event) for _, event in lab.taken]
        assert kinds == [HostUp, Reply]
        assert lab.events(Reply) == [(7.0, Reply(operation=1, step=0, result={"pid": 3}))]
        assert lab.place.verbs() == ["work"]

    in_lab(test)


def test_the_reply_says_which_instruction_it_answers() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        lab.operation(4, step=2, undoing=True, tries=1)
        lab.place.answers["work"] = refusal("stale")
        lab.send(4)
        await asyncio.sleep(1)
        expected = Reply(
            operation=4, step=2, undoing=True, tries=1, code="stale", message="the agent says stale"
        )
        assert [reply for _, reply in lab.events(Reply)] == [expected]

    in_lab(test)


def test_a_delay_is_kept_and_counts_before_the_comparison() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        lab.send(1, 2, delay=20.0)
        await asyncio.sleep(10)
        lab.end(2)
        await asyncio.sleep(50)
        assert lab.place.times("work") == [20.0] and lab.replies() == [(20.0, 1, "")]

    in_lab(test)


def test_a_lost_answer_is_asked_for_again_and_given_up_in_the_end() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        lab.place.answers["work"] = SILENCE
        lab.send(1, timeout=60.0)
        await asyncio.sleep(1000)
        assert lab.place.times("work") == [0.0, 60.0, 120.0]
        assert lab.replies() == [(180.0, 1, "timeout")]
        answers = iter([SILENCE, {"done": True}])
        lab.place.answers["work"] = lambda _: next(answers)
        lab.send(2, timeout=60.0)
        await asyncio.sleep(1000)
        assert lab.replies()[1:] == [(1060.0, 2, "")]

    in_lab(test)


def test_a_lost_link_makes_it_go_out_again_over_the_next() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        lab.place.answers["work"] = 15
        lab.send(1)
        await asyncio.sleep(10)
        lab.place.lose()
        await asyncio.sleep(100)
        assert lab.place.times("work") == [0.0, 10.5] and lab.replies() == [(25.5, 1, "")]

    in_lab(test)


def test_what_kills_the_agent_each_time_fails_in_the_end() -> None:
    async def test(lab: Lab) -> None:
        def work(_: Any) -> Any:
            lab.loop.call_soon(lab.place.lose, "the agent crashed")
            return SILENCE

        lab.fleet.start()
        lab.place.answers["work"] = work
        lab.send(1)
        await asyncio.sleep(1000)
        assert len(lab.place.times("work")) == fleet.LOSSES
        (reply,) = (reply for _, reply in lab.events(Reply))
        assert reply.code == "failed" and "the agent crashed" in reply.message

    in_lab(test)


@pytest.mark.parametrize("how", ["ended", "next step", "turned", "tried again"])
def test_what_is_overtaken_is_neither_sent_nor_answered(how: str) -> None:
    async def test(lab: Lab) -> None:
        lab.place.entry = 10
        lab.fleet.start()
        lab.send(1)
        await asyncio.sleep(5)
        if how == "ended":
            lab.end(1)
        else:
            lab.operation(
                1, step=how == "next step", undoing=how == "turned", tries=how == "tried again"
            )
        await asyncio.sleep(100)
        assert not lab.place.verbs() and not lab.replies()

    in_lab(test)


def test_what_is_overtaken_after_it_was_sent_is_not_sent_again() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        lab.place.answers["work"] = SILENCE
        lab.send(1, 2)
        await asyncio.sleep(5)
        lab.end(1)
        lab.place.lose()
        await asyncio.sleep(20)
        assert [args["vm"] for _, verb, args in lab.place.asked if verb == "work"] == [1, 2, 2]
        lab.end(2)
        await asyncio.sleep(300)
        assert not lab.replies()

    in_lab(test)


def test_the_same_instruction_again_adds_nothing_while_one_is_on_its_way() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        lab.place.answers["work"] = 10
        lab.send(1)
        lab.send(1)
        await asyncio.sleep(5)
        lab.send(1)
        await asyncio.sleep(100)
        assert lab.replies() == [(10.0, 1, "")]
        lab.send(1)
        await asyncio.sleep(100)
        assert len(lab.replies()) == 2

    in_lab(test)


@pytest.mark.parametrize("when", ["before", "waiting", "under way"])
@pytest.mark.parametrize("state", [HostState.OFFLINE, None])
def test_a_host_that_goes_is_unreachable_at_once(when: str, state: HostState | None) -> None:
    async def test(lab: Lab) -> None:
        def go() -> None:
            if state is None:
                lab.world.replace("host", 0, None)
            else:
                lab.host(0, state)
            lab.fleet.refresh(0)

        lab.place.entry = SILENCE if when == "waiting" else None
        lab.place.answers["work"] = SILENCE
        lab.fleet.start()
        await asyncio.sleep(1)
        if when == "before":
            go()
        lab.send(1)
        await asyncio.sleep(4)
        if when != "before":
            go()
        await asyncio.sleep(0.1)
        (reply,) = (reply for _, reply in lab.events(Reply))
        assert reply.code == "unreachable"
        assert reply.message == ("the host is offline" if state else "the host is deleted")

    in_lab(test)


def test_a_host_that_is_down_is_unreachable_for_those_who_wait_and_those_who_come() -> None:
    async def test(lab: Lab) -> None:
        lab.place.entry = OSError("no route to host")
        lab.fleet.start()
        lab.send(1)
        await asyncio.sleep(50)
        lab.send(2)
        await asyncio.sleep(50)
        grace = station.GRACE
        assert lab.replies() == [(grace, 1, "unreachable"), (50.0, 2, "unreachable")]
        assert (
            lab.events(Reply)[0][1].message
            == f"no agent on {lab.world.hosts[0].name}: no route to host"
        )
        lab.place.entry = None
        await asyncio.sleep(50)
        lab.send(3)
        await asyncio.sleep(1)
        assert lab.replies()[2][1:] == (3, "")

    in_lab(test)


def test_an_instruction_in_its_delay_when_the_host_goes_down_is_unreachable_when_it_is_due() -> (
    None
):
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        lab.send(1, delay=100.0)
        await asyncio.sleep(10)
        lab.place.entry = OSError("gone")
        lab.place.lose()
        await asyncio.sleep(200)
        assert lab.replies() == [(100.0, 1, "unreachable")]

    in_lab(test)


def test_those_who_wait_for_a_renamed_host_get_its_new_station() -> None:
    async def test(lab: Lab) -> None:
        lab.place.entry = SILENCE
        lab.fleet.start()
        lab.send(1)
        await asyncio.sleep(5)
        lab.place.entry = None
        lab.host(0, name="other")
        lab.fleet.refresh(0)
        await asyncio.sleep(1)
        assert lab.replies() == [(5.0, 1, "")]

    in_lab(test)


def test_what_nobody_waits_for_is_sent_again_too_and_answered_to_nobody() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        lab.place.answers["vm.remove"] = 15
        told = Instruction(place=0, verb="vm.remove", args={"vm": 1, "generation": 1})
        lab.fleet.dispatch([told, told])
        await asyncio.sleep(10)
        lab.place.lose()
        await asyncio.sleep(100)
        assert len(lab.place.times("vm.remove")) == 4 and not lab.replies()

    in_lab(test)


def test_thousands_leave_in_order_and_not_all_at_once() -> None:
    async def test(lab: Lab) -> None:
        lab.place.entry = 5
        lab.place.answers["work"] = 1
        lab.fleet.start()
        lab.send(*range(3000), timeout=5.0)
        await asyncio.sleep(100)
        sent = [args["vm"] for _, verb, args in lab.place.asked if verb == "work"]
        assert sent == list(range(3000))
        assert lab.place.busiest <= station.WINDOW + 1
        assert [code for _, _, code in lab.replies()] == [""] * 3000
        assert lab.replies()[-1][0] == 5 + -(-3000 // station.WINDOW)

    in_lab(test)


def test_what_waits_behind_others_is_compared_when_its_turn_comes() -> None:
    async def test(lab: Lab) -> None:
        lab.place.answers["work"] = 10
        lab.fleet.start()
        await asyncio.sleep(1)
        lab.send(*range(station.WINDOW + 10))
        await asyncio.sleep(5)
        for number in range(station.WINDOW, station.WINDOW + 9):
            lab.end(number)
        await asyncio.sleep(100)
        assert len(lab.place.times("work")) == station.WINDOW + 1

    in_lab(test)


def test_one_host_that_does_not_answer_holds_up_no_other() -> None:
    async def test(lab: Lab) -> None:
        lab.places[0].answers["work"] = SILENCE
        lab.fleet.start()
        lab.send(*range(500), place=0)
        lab.send(*range(500, 600), place=1)
        await asyncio.sleep(1)
        assert [operation for _, operation, _ in lab.replies()] == list(range(500, 600))

    in_lab(test, hosts=2)


def test_a_defect_of_ours_is_a_failure_and_reported() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        lab.place.answers["work"] = RuntimeError("never thought of")
        lab.send(1)
        await asyncio.sleep(1)
        (reply,) = (reply for _, reply in lab.events(Reply))
        assert reply.code == "failed" and "never thought of" in reply.message
        assert len(lab.defects) == 1
        lab.defects.clear()

    in_lab(test)


def test_a_reply_that_is_taken_badly_is_reported() -> None:
    async def test(lab: Lab) -> None:
        def refuse(event: Event) -> None:
            if isinstance(event, Reply):
                raise RuntimeError("no")

        lab.on_take = refuse
        lab.fleet.start()
        lab.send(1)
        await asyncio.sleep(1)
        assert len(lab.defects) == 1 and "taking a reply" in lab.defects[0]
        lab.defects.clear()

    in_lab(test)


@pytest.mark.parametrize("place", [FRONT_END, SIMULATED])
def test_places_beside_the_hosts_are_opened_when_they_are_needed(place: int) -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        await asyncio.sleep(1)
        assert place not in lab.places
        lab.send(1, place=place, verb="image.import")
        await asyncio.sleep(1)
        asked = [verb for _, verb, _ in lab.places[place].asked]
        assert asked == ["hello", "image.import"] and len(lab.replies()) == 1

    in_lab(test)


def test_a_host_whose_station_is_not_open_yet_gets_one() -> None:
    async def test(lab: Lab) -> None:
        lab.send(1)
        await asyncio.sleep(1)
        assert lab.replies() == [(0.0, 1, "")]

    in_lab(test)


def test_questions_need_a_link_and_have_a_time_limit() -> None:
    async def test(lab: Lab) -> None:
        async def problem(place: int, verb: str) -> tuple[str, str]:
            with pytest.raises(AgentError) as caught:
                await lab.fleet.ask(place, verb, {}, 10.0)
            return caught.value.code, caught.value.message

        lab.place.answers["hello"] = _slowly
        lab.fleet.start()
        await asyncio.sleep(0.5)
        assert await problem(0, "log.read") == (
            "unreachable",
            "the host has no agent at the moment",
        )
        assert await problem(9, "log.read") == ("unreachable", "the host is deleted")
        await asyncio.sleep(1)
        lab.place.answers["log.read"] = {"data": "x"}
        assert await lab.fleet.ask(0, "log.read", {}) == {"data": "x"}
        lab.place.answers["log.read"] = SILENCE
        assert await problem(0, "log.read") == ("unreachable", "no answer in 10 s")
        lab.loop.call_later(1, lab.place.lose, "cut")
        assert await problem(0, "log.read") == ("unreachable", "cut")

    in_lab(test)


async def _slowly(_: Any) -> Any:
    await asyncio.sleep(1)
    return FACTS


def test_closing_with_thousands_under_way_leaves_nothing() -> None:
    async def test(lab: Lab) -> None:
        lab.places[0].answers["work"] = SILENCE
        lab.places[1].entry = SILENCE
        lab.fleet.start()
        lab.send(*range(1000), place=0)
        lab.send(*range(1000, 2000), place=1)
        lab.send(*range(2000, 2100), place=0, delay=50.0)
        await asyncio.sleep(10)

    in_lab(test, hosts=2)


def test_after_closing_nothing_is_carried() -> None:
    async def test(lab: Lab) -> None:
        lab.fleet.start()
        await asyncio.sleep(1)
        await lab.fleet.close()
        lab.send(1)
        lab.fleet.refresh(0)
        await asyncio.sleep(100)
        assert not lab.place.verbs() and lab.place.links == 1
        with pytest.raises(AgentError, match="offline"):
            await lab.fleet.ask(0, "log.read", {})

    in_lab(test)


@pytest.mark.parametrize("seed", range(20))
def test_every_current_instruction_gets_exactly_one_reply_whatever_happens(seed: int) -> None:
    """Links break, answers are lost, hosts go away for long; operations move on as replies tell them to."""

    async def test(lab: Lab) -> None:
        dice = random.Random(seed)
        answered: dict[tuple[int, int], int] = {}

        def taken(event: Event) -> None:
            if isinstance(event, Reply):
                now = lab.world.operations[event.operation]
                assert now.step == event.step, "a reply to what is not under way"
                key = (event.operation, event.step)
                answered[key] = answered.get(key, 0) + 1
                if now.step < 5:
                    lab.operation(now.id, step=now.step + 1)
                    lab.loop.call_soon(lambda: lab.send(now.id, place=now.id % 3, timeout=30.0))

        def work(_: Any) -> Any:
            return dice.choice([0.0, 0.1, 5, 5, SILENCE, refusal("failed")])

        lab.on_take = taken
        for place in lab.places.values():
            place.answers["work"] = work
        lab.fleet.start()
        for number in range(60):
            lab.send(number, place=number % 3, timeout=30.0)
        for _ in range(40):
            await asyncio.sleep(dice.uniform(0, 20))
            place = lab.places[dice.randrange(3)]
            place.entry = dice.choice([None, None, 3, OSError("refused"), SILENCE])
            if place.link is not None:
                place.lose()
        for place in lab.places.values():
            place.entry = None
            place.answers["work"] = 1
            if place.link is not None:
                place.lose()
        await asyncio.sleep(1000)
        assert answered == {(number, step): 1 for number in range(60) for step in range(6)}

    in_lab(test, hosts=3)


def test_the_same_history_every_time() -> None:
    def once() -> list[Any]:
        seen: list[Any] = []

        async def test(lab: Lab) -> None:
            lab.fleet.start()
            for place in lab.places.values():
                place.answers["work"] = 3
            lab.send(*range(100), place=0)
            lab.send(*range(100, 200), place=1)
            await asyncio.sleep(2)
            lab.places[0].lose()
            await asyncio.sleep(50)
            seen.extend(lab.taken)

        in_lab(test, hosts=2)
        return seen

    assert once() == once()
