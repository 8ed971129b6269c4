"""Transactions over the world: whole, or without a trace."""

from innkeeper.model.objects import Vm
from innkeeper.model.world import Transaction, World


def test_numbers_given_by_what_is_rolled_back_were_never_given() -> None:
    """Also the very first ones: a counter that nobody has used is not there at all."""
    world = World()
    Transaction(world, 0.0).start_ids_at(Vm, 7)
    before = dict(world.counters)
    change = Transaction(world, 1.0)
    for kind in world.tables.values():
        assert change.new_id(kind.kind) == before.get(kind.kind.KIND, 0)
        change.start_ids_at(kind.kind, 100)
    change.rollback()
    assert world.counters == before
