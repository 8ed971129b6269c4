"""Operations: forward, backward, again, after a restart, and with replies that nobody waits for."""

import msgspec
import pytest

from innkeeper.commands import vms
from innkeeper.lifecycle import engine
from innkeeper.lifecycle.engine import PROCEDURES, RETRIES, Procedure, nothing
from innkeeper.lifecycle.operations import deploy, poweroff
from innkeeper.model.errors import InvariantBroken
from innkeeper.model.world import World
from tests.lifecycle.bench import ADMIN, Bench

DEPLOY = ["network.ensure", "disk.ensure", "context.ensure", "domain.ensure"]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_steps_are_done_one_after_the_other(bench: Bench) -> None:
    bench.deploying()
    assert bench.finish() == DEPLOY
    assert bench.phase() == "RUNNING"
    assert len(bench.world.operations) == 0


@pytest.mark.parametrize(
    ("failing", "undone", "phase"),
    [
        (0, ["vm.remove"], "PROLOG_FAILURE"),
        (1, ["vm.remove"], "PROLOG_FAILURE"),
        (2, ["vm.remove"], "PROLOG_FAILURE"),
        (3, ["domain.destroy", "vm.remove"], "BOOT_FAILURE"),
    ],
)
def test_a_failure_undoes_from_the_failed_step_to_the_first(
    bench: Bench, failing: int, undone: list[str], phase: str
) -> None:
    bench.deploying()
    for _ in range(failing):
        bench.answer()
    bench.answer("refused")
    assert bench.finish() == undone
    assert bench.phase() == phase
    assert bench.vm().user_template.get("ERROR", "").endswith("says refused")


def test_a_failure_that_may_pass_is_tried_again_with_growing_delays(bench: Bench) -> None:
    bench.deploying()
    delays = [bench.answer("failed").delay for _ in range(RETRIES + 1)]
    assert delays == [0.0, 1.0, 2.0, 4.0]
    assert bench.operation.undoing


def test_a_step_that_asks_for_patience_is_not_tried_again(bench: Bench) -> None:
    bench.running()
    bench.act("poweroff")
    bench.answer("timeout")
    assert (bench.phase(), bench.sent) == ("RUNNING", [])


def test_past_the_point_of_no_return_nothing_is_undone(bench: Bench) -> None:
    bench.running()
    bench.act("terminate")
    bench.answer()
    bench.answer("refused")
    assert (bench.phase(), bench.sent) == ("EPILOG_FAILURE", [])


def test_an_undo_that_cannot_be_done_is_owed_and_the_next_is_tried(bench: Bench) -> None:
    bench.deploying()
    for _ in range(3):
        bench.answer()
    bench.answer("refused")
    bench.answer("refused")
    assert "undo owed" in bench.logged()
    assert bench.verbs == ["vm.remove"]


def test_undos_are_tried_again_too(bench: Bench) -> None:
    bench.deploying()
    bench.answer("refused")
    assert [bench.answer("failed").verb for _ in range(RETRIES + 1)] == ["vm.remove"] * 4
    assert bench.phase() == "PROLOG_FAILURE"


# ---- replies that nobody waits for ----------------------------------------------------------------


def test_a_reply_to_a_step_that_is_past_changes_nothing(bench: Bench) -> None:
    bench.deploying()
    first = bench.answer()
    for code in ("", "failed", "refused"):
        bench.reply(first, code)
        assert bench.last.empty
    assert bench.verbs == ["disk.ensure"]


def test_a_reply_to_an_operation_that_is_over_changes_nothing(bench: Bench) -> None:
    bench.deploying()
    sent = []
    while bench.sent:
        sent.append(bench.answer())
    for instruction in sent:
        bench.reply(instruction, "refused")
        assert bench.last.empty


def test_a_reply_to_the_deed_is_not_taken_for_one_to_its_undo(bench: Bench) -> None:
    bench.deploying()
    first = bench.answer("refused")
    bench.reply(first)
    assert bench.operation.undoing
    assert bench.verbs == ["vm.remove"]


def test_a_failure_of_an_older_try_is_not_counted_twice(bench: Bench) -> None:
    bench.deploying()
    first = bench.answer("failed")
    bench.reply(first, "failed")
    assert bench.operation.tries == 1
    assert len(bench.sent) == 1


def test_a_late_success_of_an_older_try_is_a_success(bench: Bench) -> None:
    bench.deploying()
    first = bench.answer("failed")
    bench.reply(first)
    assert bench.operation.step == 1


# ---- after a restart -------------------------------------------------------------------------------


def restarted(bench: Bench) -> None:
    """Another front end has loaded what was durable."""
    world = World()
    for kind, table in bench.world.tables.items():
        for record in table:
            world.load(kind, msgspec.json.encode(record))
    world.counters.update(bench.world.counters)
    bench.world = world
    bench.sent.clear()
    for number in list(bench.world.operations.rows):
        bench.do(lambda tx, n=number: engine.resume(tx, n))


def test_what_was_under_way_is_sent_again(bench: Bench) -> None:
    bench.deploying()
    bench.answer()
    (before,) = bench.sent
    restarted(bench)
    assert bench.sent == [before]
    bench.finish()
    assert bench.phase() == "RUNNING"


def test_a_step_that_was_to_be_tried_again_keeps_its_delay_and_its_count(bench: Bench) -> None:
    bench.deploying()
    bench.answer("failed")
    bench.answer("failed")
    restarted(bench)
    (again,) = bench.sent
    assert (again.tries, again.delay) == (2, 2.0)


def test_an_undo_goes_on_after_a_restart(bench: Bench) -> None:
    bench.deploying()
    for _ in range(3):
        bench.answer()
    bench.answer("refused")
    bench.answer()
    restarted(bench)
    assert bench.finish() == ["vm.remove"]
    assert bench.phase() == "BOOT_FAILURE"


def test_every_step_can_rest_over_a_restart(bench: Bench) -> None:
    bench.deploying()
    for verb in DEPLOY:
        restarted(bench)
        assert bench.verbs == [verb]
        bench.answer()
    assert bench.phase() == "RUNNING"


def test_a_step_that_asks_for_nothing_any_more_does_not_keep_the_front_end_from_starting(
    bench: Bench,
) -> None:
    """A later release may ask for less than the one that stored the operation: it goes on with the next step."""
    bench.deploying()
    assert bench.verbs == ["network.ensure"]
    vm = bench.vm()
    bench.do(lambda tx: tx.change(vm, template=vm.template.without("NIC")))
    restarted(bench)
    assert bench.verbs == ["disk.ensure"]
    bench.finish()
    assert bench.phase() == "RUNNING"


# ---- the rules of the tables -----------------------------------------------------------------------


def test_an_object_has_one_operation_at_most(bench: Bench) -> None:
    bench.deploying()
    with pytest.raises(InvariantBroken, match="open operation already"):
        bench.do(lambda tx: engine.start(tx, poweroff.POWEROFF, bench.vm(), ADMIN))


def test_names_of_procedures_are_unique() -> None:
    with pytest.raises(InvariantBroken, match="two procedures"):
        engine.register(Procedure("deploy", (), nothing, nothing))


@pytest.mark.parametrize("procedure", PROCEDURES.values(), ids=lambda p: p.name)
def test_every_step_says_why_it_stands_where_it_does(procedure: Procedure) -> None:
    assert procedure.steps
    names = [step.name for step in procedure.steps]
    assert len(set(names)) == len(names)
    assert procedure.no_return in ("", *names)
    for step in procedure.steps:
        assert len(step.why) > 10


@pytest.mark.parametrize("procedure", PROCEDURES.values(), ids=lambda p: p.name)
def test_nothing_is_undone_past_the_point_of_no_return(procedure: Procedure) -> None:
    past = [s for number, s in enumerate(procedure.steps) if not procedure.undoable(number)]
    assert all(step.undo is None for step in past)


def test_a_step_that_asks_for_nothing_is_passed_over(bench: Bench) -> None:
    """A VM without networks and context needs disks and a guest only."""
    bare = "NAME=bare\nCPU=1\nMEMORY=128\nDISK=[IMAGE=img]"
    number = bench.do(lambda tx: vms.allocate(tx, ADMIN, bare, True))
    bench.do(lambda tx: deploy.begin(tx, bench.vm(number), bench.host, tx.world.datastores[0]))
    assert bench.finish() == ["disk.ensure", "domain.ensure"]
    assert bench.phase(number) == "RUNNING"
