"""Commands in guests: what they write and how they end is what `inn` writes and how it ends."""

from base64 import b64encode
from typing import Any

from .conftest import CannedFrontEnd, Inn


def ended(code: int, out: bytes = b"", err: bytes = b"", cut: bool = False) -> dict[str, Any]:
    texts = {"stdout": b64encode(out).decode(), "stderr": b64encode(err).decode()}
    return {"code": code, "cut": cut, **texts}


def test_a_command_ends_inn_as_it_ended(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.pages["/api/v1/vms/3/exec"] = ended(0, b"up 3 days\n")
    outcome = inn("vm", "exec", "3", "--", "uptime")
    assert (outcome.code, outcome.out) == (0, "up 3 days\n")
    canned.pages["/api/v1/vms/3/exec"] = ended(7, err=b"no\n", cut=True)
    outcome = inn("vm", "exec", "3", "--", "sh", "-c", "'exit 7'")
    assert (outcome.code, outcome.out) == (7, "")
    assert outcome.err.startswith("no\n") and "longer than can be told" in outcome.err
    assert inn("vm", "exec", "3", "--json", "--", "x").data["code"] == 7


def test_a_guest_without_an_agent(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.refuse("POST vms/4/exec", 404, "there is none")
    assert inn("vm", "exec", "4", "--", "uptime").code == 3
    assert inn("vm", "exec", "3").code == 2
