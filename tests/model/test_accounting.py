"""Costs and stays, from histories."""

import msgspec

from innkeeper.model import accounting
from innkeeper.model.accounting import Month
from innkeeper.model.objects import History, Vm
from innkeeper.model.template import Template

NOVEMBER = Month(2023, 11)
START = NOVEMBER.start()
HOUR = 3600
TEXT = "CPU=2\nMEMORY=100\nDISK=[SIZE=50]\nCPU_COST=1.5\nMEMORY_COST=0.1\nDISK_COST=0.01"


def vm(*spans: tuple[int, int]) -> Vm:
    history = tuple(
        History(
            seq=n, host_id=1, hostname="h", cluster_id=0, vm_mad="kvm", tm_mad="qcow2", ds_id=0,
            stime=start, etime=end, rstime=start + HOUR, retime=end,
        )
        for n, (start, end) in enumerate(spans)
    )  # fmt: skip
    return Vm(id=1, name="v", uid=0, gid=0, history=history, template=Template.parse(TEXT))


def test_a_month_of_ten_hours() -> None:
    (bill,) = accounting.bills(vm((START, START + 10 * HOUR)), None, None, START + 99 * HOUR)
    assert (bill.month, bill.hours, bill.running) == (NOVEMBER, 10, 9)
    assert (bill.cpu, bill.memory, bill.disk) == (30.0, 100.0, 5.0)
    assert bill.total == 135.0


def test_a_stay_costs_what_the_vm_had_then() -> None:
    grown = vm((START, START + 10 * HOUR), (START + 10 * HOUR, START + 20 * HOUR))
    small = msgspec.structs.replace(grown.history[0], cpu=1.0, memory=50, disk=50)
    (bill,) = accounting.bills(
        msgspec.structs.replace(grown, history=(small, grown.history[1])),
        None,
        None,
        START + 99 * HOUR,
    )
    assert (bill.cpu, bill.memory, bill.disk) == (15.0 + 30.0, 50.0 + 100.0, 10.0)


def test_stays_are_shared_out_to_months() -> None:
    december = NOVEMBER.following()
    turn = december.start()
    found = list(accounting.bills(vm((turn - 2 * HOUR, turn + HOUR)), None, None, turn + 9 * HOUR))
    assert [(bill.month, bill.hours) for bill in found] == [(NOVEMBER, 2), (december, 1)]
    only = accounting.bills(vm((turn - 2 * HOUR, 0)), december, december, turn + 9 * HOUR)
    assert [(bill.month, bill.hours) for bill in only] == [(december, 9)]


def test_what_has_no_place_costs_nothing() -> None:
    assert list(accounting.bills(vm(), None, None, START)) == []
    gap = vm((START, START + HOUR), (START + 3 * HOUR, START + 4 * HOUR))
    (bill,) = accounting.bills(gap, None, None, START + 9 * HOUR)
    assert bill.hours == 2


def test_the_year_turns() -> None:
    assert Month(2023, 12).following() == (2024, 1)
    assert Month(2023, 1).following() == (2023, 2)


def test_stays_that_overlap() -> None:
    record = vm((100, 200), (300, 0))
    spans = {(-1, -1): [0, 1], (200, -1): [1], (-1, 300): [0], (150, 350): [0, 1], (200, 300): []}
    for (since, until), seqs in spans.items():
        assert [stay.seq for stay in accounting.stays(record, since, until)] == seqs
