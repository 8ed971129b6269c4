"""Many clones of one template at once, on three hosts: none fails on a lock, and the base is sent once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.real.lab import Lab
from tests.real.zone import DONE, IDLE, wait_for

pytestmark = pytest.mark.real

CLONES = 50


@pytest.fixture(scope="module")
def template(lab: Lab) -> int:
    lab.add_image("origin")
    number: int = lab.api.template.allocate(f'NAME="clone"\nDISK=[IMAGE="origin"]\n{IDLE}')
    return number


def instantiate(lab: Lab, template: int, together: threading.Barrier, number: int) -> int:
    """A caller of his own, at the same moment as all others."""
    with lab.caller() as call:
        together.wait()
        done, said, _ = call("template.instantiate", template, f"clone-{number}", False, "", False)
    assert done, said
    return int(said)


def phases(lab: Lab) -> list[tuple[int, int]]:
    return [(vm.STATE, vm.LCM_STATE) for vm in lab.api.vmpool.info(-2, -1, -1, -1).VM]


def test_fifty_at_once(lab: Lab, template: int) -> None:
    before, base = lab.sent(), lab.image.stat().st_size
    together = threading.Barrier(CLONES)
    with ThreadPoolExecutor(CLONES) as threads:
        made = [threads.submit(instantiate, lab, template, together, n) for n in range(CLONES)]
        vms = [each.result() for each in made]
    assert len(set(vms)) == CLONES
    wait_for(lambda: set(phases(lab)) == {(3, 3)}, "all of them run", 400, pause=1.0)
    errors = {vm: lab.api.vm.info(vm).USER_TEMPLATE.get("ERROR") for vm in vms}
    assert set(errors.values()) == {None}
    used = {lab.recorded(vm) for vm in vms}
    assert used == set(lab.hosts)
    assert lab.sent() - before < (len(used) + 1) * base
    for vm in vms:
        lab.api.vm.action("terminate-hard", vm)
    for vm in vms:
        lab.wait_phase(vm, DONE)
    wait_for(lambda: not lab.leftovers(), "nothing is left on any host", 60)
