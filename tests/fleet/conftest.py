"""Fixtures of the fleet's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import hosts
from tests.fleet.hosts import Host, Real, Simulated, on_private_machine
from tests.fleet.sshd import Sshd


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A server that runs."""
    server = Sshd(tmp_path, tmp_path / "ours")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def machine() -> Iterator[Path]:
    """The private machine's folder for real guests."""
    if not on_private_machine():
        pytest.skip("runs on a machine of its own: tests/real/machine.sh")
    yield from hosts.machine()


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.real)])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    """A simulated host, then a real one (the same for all tests)."""
    if request.param == "simulated":
        return Simulated(tmp_path / "root", tmp_path / "guest.raw")
    folder: Path = request.getfixturevalue("machine")
    return Real(folder / "root", folder / "guest.raw")
