"""Real guests: run on a machine of their own (`tests/real/machine.sh pytest -m real tests/real`)."""

import os
from collections.abc import Iterator

import pytest

from tests.real.lab import Lab
from tests.real.zone import Zone


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("INN_TEST_MACHINE") == "inside":
        return
    for item in items:
        if "tests/real/" in item.nodeid or item.nodeid.startswith("real/"):
            item.add_marker(pytest.mark.skip(reason="runs on a machine of its own: make test-real"))


@pytest.fixture(scope="module")
def zone() -> Iterator[Zone]:
    """A furnished front end whose host is this machine; the end proves that nothing is left over.

    One for each module: VMs of two front ends on one machine would have the same names.
    """
    zone = Zone()
    with zone.furnished():
        yield zone


@pytest.fixture(scope="module")
def guest(zone: Zone) -> int:
    """A guest that has answered; tests share it and leave it running."""
    vm = zone.instantiate("shared")
    zone.answers(vm)
    return vm


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A furnished front end with three hosts over SSH; the end proves that nothing is left over."""
    lab = Lab()
    with lab.furnished():
        yield lab
