"""What an agent refuses to a front end that is not root."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from innkeeper.host import bounds, hooks, profile
from innkeeper.host.agent import Agent
from innkeeper.host.arguments import Arguments
from innkeeper.host.bounds import Bounds
from innkeeper.host.errors import RefusedError
from innkeeper.host.hypervisor.domain_xml import domain_xml
from tests.host.hypervisor.test_domain_xml import SMALL, setting

ROOT = os.geteuid() == 0
NOBODY = 65534


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder, of which this process serves the front end."""
    for name in ("host", "datastores/1", "transit", "db", "more"):
        (tmp_path / name).mkdir(parents=True)
    bounds.keep(Bounds(NOBODY, NOBODY, tmp_path))
    yield tmp_path
    bounds.keep(None)


def path(value: Path | str) -> str:
    return Arguments({"into": str(value)}).path("into")


def test_files_are_named_in_the_front_ends_folders_alone(data: Path) -> None:
    assert (
        path(data / "datastores/1/image") and path(data / "transit/x") and path(data / "host/vms")
    )
    for outside in (
        data,
        data / "db/innkeeper.db",
        "/etc/shadow",
        "/",
        data / "datastores-of-mine",
    ):
        with pytest.raises(RefusedError, match="in no folder that the front end may name"):
            path(outside)


def test_links_lead_nowhere_else(data: Path) -> None:
    (data / "datastores/1/image").symlink_to("/etc/shadow")
    (data / "datastores/2").symlink_to("/etc")
    (data / "datastores/1/inside").symlink_to(data / "transit/x")
    assert path(data / "datastores/1/inside")
    for link in ("datastores/1/image", "datastores/2/shadow"):
        with pytest.raises(RefusedError):
            path(data / link)


def test_without_bounds_everything_may_be_named(data: Path) -> None:
    bounds.keep(None)
    assert path("/etc/shadow")


def test_root_says_more_in_a_file_of_its_own(data: Path) -> None:
    (data / "host/agent.toml").write_text(f'folders = ["{data}/more"]\nraw = true\n')
    bounds.keep(bounds.read(NOBODY, NOBODY, data))
    assert path(data / "more/7/disk.0")
    bounds.check_raw()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('folders = "x"', "a list of absolute paths"),
        ('folders = ["srv"]', "a list of absolute paths"),
        ("raw = 1", "true or false"),
        ("row = true", "expected folders and raw, got row"),
        ("=", "agent.toml"),
    ],
)
def test_a_mistake_in_that_file_is_named(data: Path, text: str, said: str) -> None:
    (data / "host/agent.toml").write_text(text)
    with pytest.raises(RefusedError, match=said):
        bounds.read(NOBODY, NOBODY, data)


def test_the_agents_folder_is_fixed(data: Path) -> None:
    agent = Agent(None, -1)  # type: ignore[arg-type] # it is refused before anything is read or said
    for root in (data / "datastores/1", "/var/lib/innkeeper/host"):
        with pytest.raises(RefusedError):
            agent._hello(Arguments({"zone": "z", "root": str(root)}))
    assert not list((data / "datastores/1").iterdir())


def test_xml_as_it_is_needs_roots_word(data: Path) -> None:
    raw: dict[str, Any] = {**SMALL, "raw": "<devices><emulator>/tmp/x</emulator></devices>"}
    with pytest.raises(RefusedError, match="RAW is not allowed on this host"):
        domain_xml(Arguments(raw), setting())
    bounds.keep(Bounds(NOBODY, NOBODY, data, raw=True))
    assert "/tmp/x" in domain_xml(Arguments(raw), setting())


def test_an_emulator_or_kernel_from_elsewhere_is_refused(data: Path) -> None:
    for key in ("emulator", "kernel"):
        with pytest.raises(RefusedError, match="/usr/bin/env is in no folder"):
            domain_xml(Arguments({**SMALL, key: "/usr/bin/env"}), setting())


def test_kernel_settings_that_run_programs_are_told_and_left(data: Path) -> None:
    asked = Arguments({"sysctls": {"kernel.core_pattern": "|/tmp/x", "vm.swappiness": "-7"}})
    mends = {each.what: each.mend is not None for each in profile._all(asked, "")}
    assert mends == {"sysctl kernel.core_pattern": False, "sysctl vm.swappiness": True}


def test_folders_elsewhere_are_told_and_not_made(data: Path) -> None:
    folders = [{"path": "/etc/inn-nothing"}, {"path": str(data / "host/x")}]
    found = list(profile._all(Arguments({"folders": folders}), ""))
    assert [each.mend is not None for each in found] == [False, True]


@pytest.mark.skipif(not ROOT, reason="root alone can become others")
def test_hooks_run_as_the_front_ends_user(data: Path) -> None:
    script = "IyEvYmluL3NoCmlkIC11OyBpZCAtRzsgZ3JlcCBDYXBFZmYgL3Byb2Mvc2VsZi9zdGF0dXM="
    with tempfile.TemporaryDirectory(prefix="inn-hooks-", dir="/var/tmp") as place:
        Path(place).chmod(0o711)  # pytest's own folder is closed to others
        for asked in (
            {"command": "who.sh", "script": script},
            {
                "command": "/bin/sh",
                "arguments": ["-c", "id -u; id -G; grep CapEff /proc/self/status"],
            },
        ):
            done = hooks.run(Path(place) / "hooks", Arguments(asked))
            assert said(done["stdout"]).split() == [str(NOBODY)] * 2 + ["CapEff:", "0" * 16], done


def said(text: str) -> str:
    return Arguments({"text": text}).data("text").decode()
