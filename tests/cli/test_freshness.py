"""Figures that are old are shown as such, with the reason."""

import time
from xml.etree import ElementTree as ET

import pytest

from innkeeper.cli import freshness

NOW = 1_700_000_000.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)


def host(age: float | None, state: int = 2, error: str = "") -> ET.Element:
    stamp = "" if age is None else f"<TIMESTAMP>{NOW - age:.0f}</TIMESTAMP>"
    return ET.fromstring(
        f"<HOST><STATE>{state}</STATE><TEMPLATE><ERROR>{error}</ERROR></TEMPLATE>"
        f"<MONITORING>{stamp}</MONITORING></HOST>"
    )


def vm(age: float, lcm_state: int = 3, etime: int = 0) -> ET.Element:
    return ET.fromstring(
        f"<VM><STATE>3</STATE><LCM_STATE>{lcm_state}</LCM_STATE><ETIME>{etime}</ETIME>"
        f"<LAST_POLL>{NOW - age:.0f}</LAST_POLL></VM>"
    )


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (None, "-"),
        (0, "0s"),
        (59, "59s"),
        (61, "1m"),
        (121, "2m!"),
        (7200, "2h!"),
        (172_800, "2d!"),
    ],
)
def test_the_age_in_a_list(age: float | None, shown: str) -> None:
    assert freshness.age_of_host(host(age)) == shown


def test_why_a_host_is_stale() -> None:
    assert freshness.of_host(host(34)).endswith(" (34s ago)")
    assert freshness.of_host(host(300, 3, "no agent: refused")).endswith(
        " (stale, 5m ago: no agent: refused)"
    )
    assert freshness.of_host(host(300, 8)).endswith(" (stale, 5m ago: the host is offline)")
    assert freshness.of_host(host(300)).endswith(" (stale, 5m ago)")
    assert freshness.of_host(host(None)) == "-"


def test_why_a_vm_is_stale() -> None:
    assert freshness.of_vm(vm(34)).endswith(" (34s ago)")
    assert freshness.of_vm(vm(300, 16)).endswith(
        "(stale, 5m ago: its host is away (inn host list))"
    )
    assert freshness.of_vm(vm(300, etime=5)) == freshness.of_vm(vm(NOW)) == ""
