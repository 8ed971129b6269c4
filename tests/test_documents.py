"""The documents keep their word: what they name is there."""

import re
from pathlib import Path

import msgspec
import pytest

from innkeeper.api.xmlrpc.nouns import METHODS
from innkeeper.daemon.settings import Section, Settings
from innkeeper.lifecycle.machine import TRANSITIONS

ROOT = Path(__file__).resolve().parents[1]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_files_that_are_named_exist(path: Path) -> None:
    named = set(
        re.findall(
            r"`((?:tests|bench|src|scripts|packaging|guest)/[A-Za-z0-9_./-]+)`", path.read_text()
        )
    )
    missing = [name for name in sorted(named) if not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_setting_is_documented() -> None:
    guide = (ROOT / "docs" / "administrator-guide.md").read_text()
    assert [name for name in settings(Settings) if f"`{name}`" not in guide] == []


def settings(section: type[Section], prefix: str = "") -> list[str]:
    """The full names of all settings."""
    found = []
    for field in msgspec.structs.fields(section):
        kind = field.type
        if isinstance(kind, type) and issubclass(kind, Section):
            found += settings(kind, f"{prefix}{field.name}.")
        else:
            found.append(prefix + field.name)
    return found


def test_every_failure_state_is_explained_to_administrators() -> None:
    guide = (ROOT / "docs" / "administrator-guide.md").read_text()
    failures = [phase for phase in TRANSITIONS if phase.endswith("FAILURE")]
    assert [phase for phase in failures if phase not in guide] == []


def test_readme_shows_exactly_two_set_up_commands() -> None:
    text = (ROOT / "README.md").read_text()
    block = text.split("```")[1]
    assert [line.split("#")[0].strip() for line in block.strip().splitlines()] == [
        "make up",
        "make test",
    ]


def test_methods_are_opennebulas() -> None:
    assert all(name.startswith(("one.", "system.")) for name in METHODS)
