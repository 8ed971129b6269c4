"""Code in a folder that is closed to the front end's user: what that user sees of it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from innkeeper.cli.errors import CliError
from innkeeper.cli.local import view
from innkeeper.cli.local.account import Account

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become others")

NOBODY = Account("nobody", 65534, 65534)


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A closed folder with code, and with something else."""
    with tempfile.TemporaryDirectory(prefix="inn-view-", dir="/var/tmp") as name:
        folder = Path(name)  # mode 0700
        (folder / "deep" / "code").mkdir(parents=True)
        (folder / "deep" / "code" / "main").write_text("code\n")
        (folder / "secret").write_text("secret\n")
        monkeypatch.setattr(view, "_needed", lambda: [folder / "deep" / "code"])
        yield folder


def shell(stage: Path, words: str) -> subprocess.CompletedProcess[str]:
    command = [*view.command(NOBODY, stage), *NOBODY.command(), "sh", "-c", words]
    return subprocess.run(command, capture_output=True, text=True, cwd="/")


def test_the_code_is_seen_at_its_place_and_nothing_else(closed: Path, tmp_path: Path) -> None:
    found = shell(tmp_path / "stage", f"cat {closed}/deep/code/main; ls {closed}/secret")
    assert found.stdout == "code\n" and "No such file" in found.stderr
    refused = shell(tmp_path / "stage", f"echo x >{closed}/deep/code/main")
    assert refused.returncode != 0
    assert str(closed / "secret") not in shell(tmp_path / "stage", "cat /proc/self/mounts").stdout
    # Of the machine itself nothing has changed.
    assert (closed / "secret").read_text() == "secret\n"
    mounts = Path("/proc/self/mounts").read_text()
    assert str(closed) not in mounts and str(tmp_path / "stage") not in mounts


def test_open_code_needs_no_view(closed: Path, tmp_path: Path) -> None:
    closed.chmod(0o755)
    assert view.command(NOBODY, tmp_path / "stage") == []


def test_code_that_is_closed_itself_is_named(closed: Path, tmp_path: Path) -> None:
    (closed / "deep" / "code").chmod(0o750)
    with pytest.raises(CliError, match=r"deep/code is closed to the front end's user nobody"):
        view.command(NOBODY, tmp_path / "stage")


def test_a_user_without_rights_stays_so(closed: Path, tmp_path: Path) -> None:
    said = shell(tmp_path / "stage", "grep -E '^(Uid|Cap|NoNew)' /proc/self/status").stdout
    assert said.split() == [
        "Uid:", *["65534"] * 4,
        *[word for which in ("Inh", "Prm", "Eff", "Bnd", "Amb") for word in (f"Cap{which}:", "0" * 16)],
        "NoNewPrivs:", "1",
    ]  # fmt: skip
