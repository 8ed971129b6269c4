"""The simulator catches what it is there for: deliberately broken front ends do not come through.

Each mutation breaks one promise, and says what must come of it: in a case of the sweep where one is named, else in one
of a few small stories.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from innkeeper.commands import quotas
from innkeeper.commands.scheduling import Scheduler
from innkeeper.daemon.redirects import Redirector
from innkeeper.fleet.fleet import Fleet
from innkeeper.fleet.simulated import SimulatedHost
from innkeeper.fleet.station import Station
from innkeeper.lifecycle import engine, hosts, routers
from innkeeper.lifecycle.engine import PROCEDURES
from innkeeper.lifecycle.operations import cleanup, disks, images, terminate
from innkeeper.model import implied
from innkeeper.model.indexes import Leases, Names, Occupancy, Open, Pending, Users
from innkeeper.model.objects import Vm
from innkeeper.model.quotas import Usage
from innkeeper.model.states import VmState
from innkeeper.model.world import Transaction, World
from innkeeper.placement import decide
from innkeeper.sim import offices, scenarios, sweep
from innkeeper.sim.story import Setting, tell
from innkeeper.sim.zone import Disk

Patch = pytest.MonkeyPatch
SMALL = Setting(hosts=6, vms=90, addresses=25, seconds=120, disasters=20, roughness=0.1)
SEEDS = range(6)
#: Stories of a broken front end are told until one shows it: some faults are seen in one of four.
PATIENCE = range(30)


class Mutation(NamedTuple):
    """What is broken, what must come of it (a pattern), and in which case of the sweep ("": in stories)."""

    breaks: Callable[[Patch], None]
    comes: str
    case: str


MUTATIONS: dict[str, Mutation] = {}


def mutation(comes: str, case: str = "") -> Callable[[Callable[[Patch], None]], None]:
    def register(breaks: Callable[[Patch], None]) -> None:
        MUTATIONS[breaks.__name__] = Mutation(breaks, comes, case)

    return register


def with_step(procedure: engine.Procedure, name: str, **fields: Any) -> engine.Procedure:
    """A procedure with one step changed."""
    steps = tuple(
        dataclasses.replace(step, **fields) if step.name == name else step
        for step in procedure.steps
    )
    return dataclasses.replace(procedure, steps=steps)


def _of_a_guest_that_runs(patch: Patch) -> None:
    """The sweep recreates a VM whose migration has failed, of which no guest runs."""
    running = dataclasses.replace(scenarios.SCENARIOS["reboot"], **{
        field: getattr(scenarios.SCENARIOS["recreate"], field) for field in ("start", "reached")
    })  # fmt: skip
    patch.setitem(scenarios.SCENARIOS, "recreate", running)


# ---- no VM runs twice ------------------------------------------------------------------------------


@mutation("runs on south and on north", "recreate-remove-cut_off_before")
def a_vm_is_recreated_although_its_host_did_not_answer(patch: Patch) -> None:
    _of_a_guest_that_runs(patch)
    broken = dataclasses.replace(cleanup.RECREATE, fail=cleanup.RECREATE.finish)
    patch.setitem(PROCEDURES, "recreate", broken)


@mutation("runs on south and on north", "recreate-remove-taken_for_done")
def an_administrators_word_is_enough(patch: Patch) -> None:
    _of_a_guest_that_runs(patch)
    patch.setitem(PROCEDURES, "recreate", with_step(cleanup.RECREATE, "remove", proof=False))


@mutation("runs on south and on north", "recreate-remove-nothing")
def a_guest_comes_back_after_it_was_removed(patch: Patch) -> None:
    """As if what was sent before were carried out behind the removal, whatever its generation."""
    perform = SimulatedHost.perform

    def anyhow(self: SimulatedHost, verb: str, args: dict[str, Any]) -> Any:
        before = self.guests.get(args.get("vm", -1))
        result = perform(self, verb, args)
        if verb == "vm.remove" and before is not None:
            before.state = "running"
            self.guests[args["vm"]] = before
            self.changed(args["vm"], before, "booted")
        return result

    patch.setattr(SimulatedHost, "perform", anyhow)


# ---- no address is leased twice, no host over-committed ---------------------------------------------


@mutation("is VM [0-9]+'s already")
def leases_are_forgotten(patch: Patch) -> None:
    patch.setattr(Leases, "of", lambda self, network, ar: {})


@mutation("index leases is|is VM [0-9]+'s already")
def one_lease_in_ten_is_not_noted(patch: Patch) -> None:
    change = Leases.change

    def forgetful(self: Leases, old: Vm | None, new: Vm | None) -> None:
        if old is not None or new is None or new.id % 10:
            change(self, old, new)

    patch.setattr(Leases, "change", forgetful)


@mutation("index leases is")
def leases_outlive_their_vms(patch: Patch) -> None:
    change = Leases.change

    def clinging(self: Leases, old: Vm | None, new: Vm | None) -> None:
        if new is not None:
            change(self, old, new)

    patch.setattr(Leases, "change", clinging)


@mutation("over-committed|index occupancy")
def powered_off_vms_take_no_room(patch: Patch) -> None:
    change = Occupancy.change

    def shown(vm: Vm | None) -> Vm | None:
        return None if vm is not None and vm.state is VmState.POWEROFF else vm

    patch.setattr(Occupancy, "change", lambda self, old, new: change(self, shown(old), shown(new)))


@mutation("over-committed with it: [0-9]+ of [0-9]+ memory")
def hosts_are_filled_beyond_their_memory(patch: Patch) -> None:
    by_amount = [each for each in decide.BY_AMOUNT if "memory" not in each.name.lower()]
    assert len(by_amount) < len(decide.BY_AMOUNT)
    patch.setattr(decide, "BY_AMOUNT", type(decide.BY_AMOUNT)(by_amount))


# ---- nothing is left over, every operation ends -----------------------------------------------------


@mutation("its machine has|where it is not|still has")
def strangers_are_welcome(patch: Patch) -> None:
    patch.setattr(hosts, "_remove", lambda *_: None)


@mutation("are still taken", "terminate-remove-nothing")
def a_vm_that_is_done_keeps_its_place(patch: Patch) -> None:
    patch.setattr(terminate, "closed", lambda tx, vm, action, caller: vm.history)


@mutation("not within .* all operations have ended", "deploy-disks-front_end_dies_before_it")
def a_new_front_end_forgets_what_was_under_way(patch: Patch) -> None:
    patch.setattr(engine, "resume", lambda tx, number: None)


@mutation("all operations and commands end|runs without its networks|its machine has")
def any_reply_will_do(patch: Patch) -> None:
    def reply(tx: Transaction, message: engine.Reply) -> None:
        operation = tx.world.operations.get(message.operation)
        if operation is not None and not message.code:
            engine.succeeded(tx, operation, message.result)

    patch.setattr(engine, "reply", reply)


@mutation("is BOOT_FAILURE, and its machine has", "deploy-guest-refused")
def nothing_is_undone(patch: Patch) -> None:
    patch.setattr(engine, "_undo_from", lambda tx, op, step: engine._end(
        tx, op, PROCEDURES[op.name].fail, "undone"
    ))  # fmt: skip


@mutation("not within .* all operations have ended", "poweroff-shut_down-all_replies_lost")
def instructions_are_sent_for_ever(patch: Patch) -> None:
    patch.setattr("innkeeper.fleet.fleet.SENDINGS", 10**9)


@mutation("should have got over it", "deploy-disks-fails_once")
def nothing_is_tried_again(patch: Patch) -> None:
    patch.setattr(engine, "PASSING", frozenset())


@mutation("waits for images, and none is being made")
def vms_wait_for_images_in_vain(patch: Patch) -> None:
    patch.setattr(images, "_settle_vm", lambda tx, number: None)


@mutation("waits, and fits on host")
def nobody_looks_at_the_queue_again(patch: Patch) -> None:
    """Also a new front end does not: else it would mend what the old one forgot before anybody noticed."""
    wake = Scheduler.wake

    def forgetful(self: Scheduler) -> None:
        if self.core.world.counters.get("vm", 0) < 45:
            wake(self)

    patch.setattr(Scheduler, "wake", forgetful)


@mutation("although its host does not return", "deploy-disks-power_fails_for_long")
def hosts_are_never_declared_down(patch: Patch) -> None:
    patch.setattr(Station, "_start_grace", lambda self: None)


@mutation("all operations and commands end")
def replies_are_dropped_now_and_then(patch: Patch) -> None:
    carry = Fleet._outcome

    async def outcome(self: Fleet, instruction: Any) -> Any:
        reply = await carry(self, instruction)
        return None if instruction.operation % 40 == 17 and not instruction.undoing else reply

    patch.setattr(Fleet, "_outcome", outcome)


# ---- indexes and journal say what the records say -----------------------------------------------------


@mutation("index names is")
def names_of_deleted_objects_stay_taken(patch: Patch) -> None:
    change = Names.change

    def clinging(self: Names, old: Any, new: Any) -> None:
        if new is not None:
            change(self, old, new)

    patch.setattr(Names, "change", clinging)


@mutation("index open is|Error getting operation")
def operations_stay_open_in_the_index(patch: Patch) -> None:
    change = Open.change

    def clinging(self: Open, old: Any, new: Any) -> None:
        if new is not None or old.id % 20:
            change(self, old, new)

    patch.setattr(Open, "change", clinging)


@mutation("cannot go from DONE to PROLOG|index pending")
def placed_vms_stay_in_the_queue(patch: Patch) -> None:
    change = Pending.change

    def clinging(self: Pending, old: Vm | None, new: Vm | None) -> None:
        change(self, old, new)
        if new is not None and new.state is VmState.DONE:
            self.vms[new.id] = None

    patch.setattr(Pending, "change", clinging)


@mutation("index image users|waits for images|KeyError")
def users_of_images_are_forgotten(patch: Patch) -> None:
    change = Users.change

    def forgetful(self: Users, old: Vm | None, new: Vm | None) -> None:
        if old is not None or new is None or new.id % 5:
            change(self, old, new)

    patch.setattr(Users, "change", forgetful)


@mutation("no operation works on it|after a restart|has not ended|works on it")
def a_write_is_lost_now_and_then(patch: Patch) -> None:
    append = Disk.append

    def lossy(self: Disk, batch: Any, done: Any) -> None:
        if batch.seq % 60 == 0:
            batch = msgspec.structs.replace(batch, writes=batch.writes[1:])
        append(self, batch, done)

    patch.setattr(Disk, "append", lossy)


@mutation("KeyError|index|after a restart|takes .* and may take")
def what_is_refused_is_not_put_back(patch: Patch) -> None:
    patch.setattr(Transaction, "rollback", lambda self: None)


# ---- the tests -----------------------------------------------------------------------------------------


# ---- changes in place ------------------------------------------------------------------------------


@mutation("its machine|its guest", "disk_attach-plug-cut_off_amidst")
def what_a_host_has_besides_is_not_put_right(patch: Patch) -> None:
    patch.setattr(hosts, "mend", lambda tx, host, inventory: None)


@mutation("its machine|its guest", "disk_attach-plug-always_refused")
def a_disk_that_was_not_attached_is_kept(patch: Patch) -> None:
    broken = dataclasses.replace(disks.ATTACH, fail=disks.ATTACH.finish)
    patch.setitem(PROCEDURES, "disk attach", broken)


# ---- limits and rules ------------------------------------------------------------------------------


@mutation("takes .* and may take")
def limits_are_not_held(patch: Patch) -> None:
    def tight(chance: Any, world: World, admin: Any) -> Any:
        vms = len(world.vms)
        return lambda tx: quotas.set_group(tx, admin, 1, f"VM=[VMS={vms // 2}]")

    patch.setattr(offices, "MAKERS", (tight,))
    patch.setattr(quotas, "check", lambda world, caller, *code: None)


@mutation("index usage is|takes .* and may take")
def one_vm_in_ten_is_not_counted(patch: Patch) -> None:
    change = Usage.change

    def forgetful(self: Usage, old: Any, new: Any) -> None:
        if old is not None or new is None or new.id % 10:
            change(self, old, new)

    patch.setattr(Usage, "change", forgetful)


@mutation("follows from nothing any more|rules are missing")
def rules_do_not_follow(patch: Patch) -> None:
    patch.setattr(implied, "settle", lambda tx: None)


def case_named(name: str) -> sweep.Case:
    return next(case for case in sweep.cases() if str(case) == name)


# ---- nothing is left over ---------------------------------------------------------------------------


@mutation("port 20[0-9]{3} leads nowhere")
def ports_stay_open(patch: Patch) -> None:
    patch.setattr(Redirector, "_close", lambda self, vm_id, kept: None)


@mutation("port 20[0-9]{3} is not open")
def ports_are_not_opened_again(patch: Patch) -> None:
    patch.setattr(Redirector, "start", lambda self: None)


@mutation("leases are left")
def a_routers_addresses_stay_with_it(patch: Patch) -> None:
    patch.setattr(routers, "left", lambda tx, vm: None)


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_a_broken_front_end_is_caught(name: str, monkeypatch: Patch) -> None:
    mutated = MUTATIONS[name]
    mutated.breaks(monkeypatch)
    with pytest.raises(Exception, match=mutated.comes):
        if mutated.case:
            monkeypatch.setattr(sweep, "LIMIT", 4 * 3600.0)
            sweep.run_case(case_named(mutated.case))
        else:
            for seed in PATIENCE:
                tell(seed, SMALL)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_unbroken_one_comes_through(seed: int) -> None:
    tell(seed, SMALL)


@pytest.mark.parametrize("name", sorted({each.case for each in MUTATIONS.values() if each.case}))
def test_so_it_does_in_the_cases_of_the_sweep(name: str) -> None:
    sweep.run_case(case_named(name))
