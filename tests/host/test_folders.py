"""What an agent remembers of VMs, across agents."""

import os
import time
from pathlib import Path

import pytest

from innkeeper.host.errors import RefusedError, StaleError
from innkeeper.host.folders import GONE_MEMORY, Root, VmState


@pytest.fixture
def root(tmp_path: Path) -> Root:
    root = Root(str(tmp_path / "root"))
    root.claim("zone")
    return root


def test_generations_only_grow(root: Root) -> None:
    root.admit(12, 3).make(3)
    assert root.admit(12, 3).state().generation == 3
    assert root.admit(12, 7).state().generation == 7
    with pytest.raises(StaleError, match="VM 12 is at generation 7, the request says 6"):
        Root(str(root.path)).admit(12, 6)
    assert root.admit(13, 1).vm == 13


def test_nothing_is_remembered_where_nothing_is(root: Root) -> None:
    root.admit(12, 9)
    assert not root.folder(12).exists()
    root.admit(12, 1)


def test_a_removed_vm_is_remembered_for_a_day(root: Root) -> None:
    folder = root.admit(12, 5)
    folder.make(5)
    root.remember_gone(12, 5)
    folder.remove()
    with pytest.raises(StaleError, match="VM 12 is at generation 5"):
        root.admit(12, 4)
    root.admit(12, 5)
    yesterday = time.time() - GONE_MEMORY - 1
    os.utime(root.gone / "12", (yesterday, yesterday))
    root.claim("zone")
    root.admit(12, 4)


def test_an_agent_that_works_for_long_forgets_too(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    root.remember_gone(12, 5)
    long_after = time.time() + GONE_MEMORY + 1
    monkeypatch.setattr(time, "time", lambda: long_after)
    root.remember_gone(13, 1)
    root.remember_gone(14, 1)
    assert sorted(file.name for file in root.gone.iterdir()) == ["13", "14"]


def test_an_older_goodbye_does_not_lower_what_is_remembered(root: Root) -> None:
    root.remember_gone(12, 8)
    root.remember_gone(12, 5)
    with pytest.raises(StaleError, match="generation 8"):
        root.admit(12, 7)


def test_state_of_other_versions_is_read(root: Root) -> None:
    folder = root.folder(12)
    folder.make(2)
    (folder.path / "state.json").write_text('{"generation": 4, "invented_later": true}')
    assert folder.state() == VmState(generation=4)


def test_a_root_belongs_to_one_zone(root: Root) -> None:
    root.claim("zone")
    with pytest.raises(RefusedError, match="belongs to zone 'zone', this front end is 'other'"):
        root.claim("other")


def test_folders_are_listed_by_number(root: Root) -> None:
    for vm in (10, 9, 100):
        root.folder(vm).make(1)
    (root.vms / "lost+found").mkdir()
    assert [folder.vm for folder in root.folders()] == [9, 10, 100]


def test_removing_a_folder_does_not_follow_links(root: Root, tmp_path: Path) -> None:
    precious = tmp_path / "persistent"
    precious.write_text("data")
    folder = root.folder(12)
    folder.make(1)
    folder.disk(0).symlink_to(precious)
    for _ in range(2):
        folder.remove()
    assert precious.read_text() == "data" and not folder.exists()


def test_a_root_is_known_again(root: Root, tmp_path: Path) -> None:
    again, other = Root(str(root.path)), Root(str(tmp_path / "other"))
    again.claim("zone")
    other.claim("zone")
    assert root.identity and again.identity == root.identity != other.identity


def test_a_root_of_an_older_agent_gets_an_identity(tmp_path: Path) -> None:
    root = Root(str(tmp_path / "root"))
    root.path.mkdir()
    (root.path / "zone.json").write_text('{"zone": "zone"}')
    root.claim("zone")
    again = Root(str(root.path))
    again.claim("zone")
    assert root.identity and again.identity == root.identity
