"""Waiting, logs, stories, explanations, findings and events, as the front end tells them."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import documents
from .conftest import CannedFrontEnd, Inn


def vm_in(state: int, lcm_state: int, error: str = "") -> str:
    document = documents.VM_3_FULL.replace("<STATE>3</STATE>", f"<STATE>{state}</STATE>")
    document = document.replace("<LCM_STATE>3</LCM_STATE>", f"<LCM_STATE>{lcm_state}</LCM_STATE>")
    if error:
        document = document.replace(
            "<USER_TEMPLATE>", f"<USER_TEMPLATE><ERROR><![CDATA[{error}]]></ERROR>"
        )
    return document


def one_after_the_other(*documents_: str) -> Any:
    """The next document at each request, and at last always the same."""
    left = list(documents_)
    return lambda *_: left.pop(0) if len(left) > 1 else left[0]


PENDING, PROLOG, RUNNING = vm_in(1, 0), vm_in(3, 1), vm_in(3, 3)
BROKEN = vm_in(3, 36, "the host said no")


def test_waiting_ends_when_the_state_is_reached(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["vms/N"] = one_after_the_other(PENDING, PENDING, PROLOG, RUNNING)
    outcome = inn("vm", "wait", "3")
    assert (outcome.code, outcome.out) == (0, "")
    assert [line.split(" (")[0] for line in outcome.err.splitlines()] == [
        "web: PENDING",
        "web: PROLOG",
        "web: RUNNING",
    ]


def test_waiting_for_programs_prints_the_object_alone(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["vms/N"] = one_after_the_other(PROLOG, RUNNING)
    outcome = inn("vm", "wait", "3", "--state", "runn", "--json")
    assert (outcome.data["STATE_NAME"], outcome.err) == ("RUNNING", "")


def test_waiting_for_one_of_several_states(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["vms/N"] = one_after_the_other(RUNNING, vm_in(8, 0))
    assert inn("vm", "wait", "3", "--state", "poff", "--state", "SUSPENDED").code == 0


def test_waiting_takes_no_longer_than_allowed(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["vms/N"] = PENDING
    outcome = inn("vm", "wait", "3", "--timeout", "0.3")
    assert outcome.code == 6
    assert "VM 3 is PENDING and did not get to RUNNING within 0.3 s" in outcome.err


def test_waiting_for_a_broken_vm_ends_at_once_with_the_reason(
    canned: CannedFrontEnd, inn: Inn
) -> None:
    canned.documents["vms/N"] = BROKEN
    outcome = inn("vm", "wait", "3")
    assert outcome.code == 1
    assert "BOOT_FAILURE and will not get to RUNNING: the host said no" in outcome.err


def test_a_name_of_a_vm_that_is_done_already_will_do_when_done_is_the_goal(
    canned: CannedFrontEnd, inn: Inn
) -> None:
    pool = (
        "<VM_POOL><VM><ID>2</ID><NAME>old</NAME></VM><VM><ID>3</ID><NAME>old</NAME></VM></VM_POOL>"
    )
    canned.documents |= {
        "vms": lambda query: pool if query.get("state") == "6" else "<VM_POOL/>",
        "vms/N": vm_in(6, 0),
    }
    assert inn("vm", "wait", "old", "done").code == 0
    assert len(canned.asked("vms/3")) == 1
    assert inn("vm", "wait", "other", "done").code == 3
    assert inn("vm", "wait", "old", "poweroff").code == 3


def test_waiting_outlasts_a_front_end_that_restarts(
    canned: CannedFrontEnd, inn: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers in the middle are those of a web server before it, not of the API."""
    monkeypatch.setattr("innkeeper.cli.wait._LONGEST_PAUSE", 0.0)
    answers = iter(["up", "down", "down", "up"])
    genuine = canned.document

    def document(path: str, query: dict[str, str]) -> str | None:
        return "<html>" if next(answers) == "down" else genuine(path, query)

    monkeypatch.setattr(canned, "document", document)
    canned.documents["vms/N"] = one_after_the_other(PROLOG, RUNNING)
    assert inn("vm", "wait", "3").code == 0


def test_a_failure_state_can_be_what_is_waited_for(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["vms/N"] = BROKEN
    assert inn("vm", "wait", "3", "--state", "fail").code == 0


def test_waiting_for_an_image(canned: CannedFrontEnd, inn: Inn) -> None:
    image = "<IMAGE><ID>7</ID><NAME>d</NAME><STATE>{}</STATE></IMAGE>"
    canned.documents["images/N"] = one_after_the_other(image.format(4), image.format(1))
    assert inn("image", "wait", "7").code == 0
    canned.documents["images/N"] = image.format(5)
    assert inn("image", "wait", "7").code == 1


@pytest.fixture
def guest_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as guest:
        yield guest.getsockname()[1]


def test_waiting_for_an_address_that_answers(
    canned: CannedFrontEnd, inn: Inn, guest_port: int
) -> None:
    here = RUNNING.replace("10.0.0.12", "127.0.0.1")
    canned.documents["vms/N"] = one_after_the_other(PROLOG, here)
    outcome = inn("vm", "wait", "3", "--address", "--port", str(guest_port))
    assert (outcome.code, outcome.out) == (0, "127.0.0.1\n")


def test_a_chosen_port_that_refuses_is_no_answer(canned: CannedFrontEnd, inn: Inn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    canned.documents["vms/N"] = RUNNING.replace("10.0.0.12", "127.0.0.1")
    assert inn("vm", "wait", "3", "--port", str(port), "--timeout", "0.3").code == 6


def test_waiting_for_an_address_says_what_it_waits_for(canned: CannedFrontEnd, inn: Inn) -> None:
    """The commonest reason for silence is a guest that nobody told its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    here = RUNNING.replace("10.0.0.12", "127.0.0.1")
    canned.documents["vms/N"] = here
    outcome = inn("vm", "wait", "3", "--port", port, "--timeout", "0.2")
    where = f"127.0.0.1 port {port}"
    untold = '(which it is not told of: CONTEXT=[NETWORK="YES"] is missing)'
    assert f"web: waiting for an answer at {where} {untold}\n" in outcome.err
    assert f"is RUNNING and did not answer at {where} {untold} within 0.2 s" in outcome.err
    told = "<CONTEXT><NETWORK>YES</NETWORK></CONTEXT></TEMPLATE>"
    canned.documents["vms/N"] = here.replace("</TEMPLATE>", told)
    outcome = inn("vm", "wait", "3", "--port", port, "--timeout", "0.2")
    assert f"did not answer at {where} within" in outcome.err


def test_what_has_no_address_is_not_waited_for(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["vms/N"] = RUNNING.replace("<IP><![CDATA[10.0.0.12]]></IP>", "")
    outcome = inn("vm", "wait", "3", "--address", "--timeout", "60")
    assert outcome.code == 1
    assert "web has no address that could answer" in outcome.err


def test_an_unknown_state_is_told_which_there_are(canned: CannedFrontEnd, inn: Inn) -> None:
    outcome = inn("vm", "wait", "3", "runing")
    assert outcome.code == 2
    assert "no state of a VM is called 'runing'; there are " in outcome.err
    assert " poff, " in outcome.err and " runn, " in outcome.err


def log_page(text: str, piece: int) -> Any:
    def page(query: dict[str, str]) -> dict[str, Any]:
        offset = int(query["offset"])
        data = text[offset : offset + piece]
        return {"data": data, "offset": offset + len(data), "size": len(text)}

    return page


def test_a_log_is_read_to_its_end_piece_by_piece(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.pages["/api/v1/vms/3/log"] = log_page("one\ntwo\nthree\n", 5)
    assert inn("vm", "log", "3").out == "one\ntwo\nthree\n"
    assert inn("vm", "log", "3", "-n", "2").out == "two\nthree\n"
    assert inn("vm", "log", "3", "-n", "0").out == ""
    assert inn("vm", "log", "3", "--json").data["data"] == "one\ntwo\nthree\n"
    assert canned.calls[0][1]["which"] == "serial"
    inn("vm", "log", "3", "--qemu")
    assert canned.calls[-1][1]["which"] == "qemu"


@pytest.mark.parametrize(
    ("written", "shown"),
    [("/ # \x1b[6n", "/ # "), ("\x1b[H\x1b[J\x1b[1;1Hboot\r\n", "boot\r\n"),
     ("\x1b]0;title\x07a\x1b]52;c;Zm9v\x1b\\b", "ab"), ("\x1b[1;31mred\x1b[0m\tend", "\x1b[1;31mred\x1b[0m\tend"),
     ("\x1bc\x1b(Bx\x07\x9b6n", "x6n"), ("cut off \x1b[", "cut off [")],
)  # fmt: skip
def test_a_guest_does_not_command_the_readers_terminal(
    canned: CannedFrontEnd, inn: Inn, monkeypatch: pytest.MonkeyPatch, written: str, shown: str
) -> None:
    canned.pages["/api/v1/vms/3/log"] = log_page(written, 100)
    assert inn("vm", "log", "3").out == written
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert inn("vm", "log", "3").out == shown


def test_an_empty_log_is_empty(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.pages["/api/v1/vms/3/log"] = log_page("", 5)
    assert inn("vm", "log", "3")[:2] == (0, "")


EVENTS: list[dict[str, Any]] = [
    {"seq": 4, "at": 1700000000.5, "kind": "vm", "id": 3, "what": "operation",
     "detail": {"name": "deploy", "stage": "started", "host": 4, "by": -1}},
    {"seq": 5, "at": 1700000001.0, "kind": "host", "id": 4, "what": "monitored", "detail": {}},
]  # fmt: skip


@pytest.fixture
def named(canned: CannedFrontEnd) -> CannedFrontEnd:
    """A front end that tells the names of a VM, a host and a user."""
    canned.documents |= {
        "vms/N": "<VM><ID>3</ID><NAME>web</NAME></VM>",
        "hosts/N": "<HOST><ID>4</ID><NAME>node1</NAME></HOST>",
        "users/N": "<USER><ID>5</ID><NAME>ann</NAME></USER>",
    }
    return canned


def test_a_story_is_told_in_sentences(named: CannedFrontEnd, inn: Inn) -> None:
    later = {**EVENTS[0], "at": 1700000002.75, "detail": {"name": "deploy", "stage": "finished"}}
    named.pages["/api/v1/vms/3/story"] = {"events": [EVENTS[0], later]}
    titles, first, second = inn("vm", "story", "3").out.splitlines()
    assert titles.split() == ["TIME", "SECONDS", "WHAT"]
    assert first.split(maxsplit=2) == ["11/14", "22:13:20", "deploy begins on node1"]
    assert second.split(maxsplit=3) == ["11/14", "22:13:22", "+2.25", "deploy is done"]
    assert inn("vm", "story", "3", "--json").data == [EVENTS[0], later]


TOLD = [
    ("action", {"name": "poweroff", "by": 5}, "ann asks for poweroff"),
    ("action", {"name": "recover", "how": 3, "by": 5}, "ann asks for recover (how delete)"),
    ("created", {"by": 5, "state": "PENDING"}, "ann makes it, PENDING"),
    ("created", {"by": 5}, "ann makes it"),
    ("created", {"by": -1}, "made"),
    ("state", {"was": "PENDING", "now": "PROLOG"}, "PENDING -> PROLOG"),
    ("state", {"was": "ON", "now": "ERROR", "why": "no answer"}, "ON -> ERROR: no answer"),
    ("operation", {"name": "deploy", "stage": "undone", "why": "disks: full"},
     "deploy failed and was undone: disks: full"),
    ("operation", {"name": "deploy", "stage": "unheard of"}, "operation (name deploy)"),
    ("step failed", {"operation": "deploy", "step": "disks", "undoing": False, "code": "full",
                     "message": "no room"}, "deploy: step disks failed (code full): no room"),
    ("step failed", {"operation": "deploy", "step": "disks", "undoing": True},
     "deploy: step disks failed (undoing)"),
    ("cleanup owed", {"host": 4, "why": "away"}, "what it left on node1 has still to be removed: away"),
    ("chown", {"uid": 5, "gid": -1, "by": 5}, "ann gives it to ann"),
    ("locked", {"level": 2, "by": 5}, "ann locks it against management"),
    ("primary group", {"was": 77, "now": 78, "by": 5}, "ann moves it from group 77 to group 78"),
    ("login token made", {"by": 5, "expires": 1700000000}, "ann makes a token (expires 11/14 22:13:20)"),
    ("of {another} kind", {"more": [1, 2]}, "of {another} kind (more [1, 2])"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "detail", "told"), TOLD, ids=[case[2] for case in TOLD])
def test_events_are_sentences(
    named: CannedFrontEnd, inn: Inn, what: str, detail: dict[str, Any], told: str
) -> None:
    event = {**EVENTS[0], "what": what, "detail": detail}
    named.pages["/api/v1/events"] = {"events": [event], "next": 5}
    [_, line] = inn("events").out.splitlines()
    assert line.split(maxsplit=6)[3:6] == ["vm", "3", "web"]
    assert line.split(maxsplit=6)[6] == told


def test_many_names_are_asked_for_at_once(named: CannedFrontEnd, inn: Inn) -> None:
    rows = "".join(f"<VM><ID>{n}</ID><NAME>web{n}</NAME></VM>" for n in range(20))
    named.documents["vms"] = f"<VM_POOL>{rows}</VM_POOL>"
    events = [{**EVENTS[0], "id": number} for number in range(21)]
    named.pages["/api/v1/events"] = {"events": events, "next": 5}
    lines = inn("events").out.splitlines()[1:]
    assert "vm 7 web7 " in lines[7] and "vm 20  " in lines[20]
    assert [path for path, _ in named.calls if "vms" in path] == ["/api/v1/vms"]


def test_names_that_may_not_be_seen_are_numbers(canned: CannedFrontEnd, inn: Inn) -> None:
    for method in ("vms/N", "hosts/N", "users/N"):
        canned.refuse(method, 403, "Not authorized.")
    canned.pages["/api/v1/vms/3/story"] = {"events": EVENTS[:1]}
    assert inn("vm", "story", "3").out.splitlines()[1].endswith("deploy begins on host 4")


def test_what_others_wrote_does_not_command_the_readers_terminal(
    canned: CannedFrontEnd, inn: Inn
) -> None:
    """Anybody can call himself `ESC ]0;...`, and be told of in a list or a message."""
    event = {**EVENTS[1], "what": "said", "detail": {"name": "a\x1b]0;b\x07\x9b6n\nc"}}
    canned.pages["/api/v1/events"] = {"events": [event], "next": 5}
    [_, line] = inn("events").out.splitlines()
    assert line.endswith("said (name a\u241b]0;b\u2407\ufffd6n\u240ac)")
    canned.refuse("vms", 409, "not \x1b[31mso\x07")
    assert inn("vm", "list").err == "inn: not \u241b[31mso\u2407\n"


def test_rules_have_no_names_to_ask_for(canned: CannedFrontEnd, inn: Inn) -> None:
    """They have no document either: one is JSON, whatever is asked for."""
    event = {
        **EVENTS[0],
        "kind": "acl",
        "id": 7,
        "what": "created",
        "detail": {"rule": "@1 VM/* USE"},
    }
    canned.pages |= {"/api/v1/events": {"events": [event], "next": 5}, "/api/v1/acl/7": {"id": 7}}
    outcome = inn("events")
    assert (outcome.code, outcome.err) == (0, "")
    assert "acl 7" in outcome.out and "made (rule @1 VM/* USE)" in outcome.out


def test_events_pass_the_choice_on(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.pages["/api/v1/events"] = {"events": EVENTS, "next": 5}
    out = inn("events", "--kind", "vm", "--id", "3", "--after", "2", "--limit", "7").out
    assert canned.calls[0][1] == {"kind": "vm", "id": "3", "after": "2", "limit": "7"}
    assert "host 4" in out.splitlines()[2]
    assert inn("events", "--json").data == EVENTS
    inn("events", "--kind", "vm", "--limit", "7")
    chosen = [query for path, query in canned.calls if path == "/api/v1/events"]
    assert chosen[1:] == [
        {"after": "0", "last": "100"},
        {"after": "0", "last": "7", "kind": "vm"},
    ]


def stream_of(*events: dict[str, Any]) -> bytes:
    records = [f"id: {event['seq']}\ndata: {json.dumps(event)}\n\n" for event in events]
    return (":\n\n" + "".join(records)).encode()


def test_a_followed_stream_is_one_line_for_each_event(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.pages["/api/v1/events"] = lambda query: stream_of(*EVENTS)
    outcome = inn("events", "--follow", "--json", "--limit", "2")
    assert [json.loads(line) for line in outcome.out.splitlines()] == EVENTS
    assert canned.calls == [("/api/v1/events", {"follow": "1"})]


def test_a_stream_that_ends_is_taken_up_where_it_was(
    canned: CannedFrontEnd, inn: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("innkeeper.cli.events._RETRY_PAUSE", 0.0)
    answers = [stream_of(EVENTS[0]), stream_of(EVENTS[1])]
    canned.pages["/api/v1/events"] = lambda query: answers.pop(0)
    outcome = inn("events", "--follow", "--json", "--limit", "2")
    assert [json.loads(line)["seq"] for line in outcome.out.splitlines()] == [4, 5]
    assert [call[1].get("after") for call in canned.calls] == [None, "4"]


WHY = {
    "vm": 3, "state": "PENDING", "summary": "no host has room",
    "hosts": [
        {"host": 4, "name": "node1", "verdict": "refused", "score": None,
         "checks": [{"name": "memory", "needed": "2 GiB", "had": "1 GiB", "ok": False},
                    {"name": "cpu", "needed": 1, "had": 2.5, "ok": True}]},
        {"host": 5, "name": "node2", "verdict": "fits", "score": 1.5, "checks": []},
    ],
    "advice": ["1 GiB less memory would fit node1"],
}  # fmt: skip


def test_why_says_what_lacks_and_what_would_help(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.pages["/api/v1/vms/3/why"] = WHY
    out = inn("why", "3").out
    assert out.startswith("VM 3: no host has room\n")
    assert "node1 refused -" in " ".join(out.split())
    assert "memory 2 GiB 1 GiB" in " ".join(out.split())
    assert "cpu" not in out
    assert "* 1 GiB less memory would fit node1" in out
    assert "cpu: ok 1 2.5" in " ".join(inn("why", "3", "--all").out.split())
    assert inn("vm", "why", "3", "--json").data == WHY


def test_the_doctor_ends_with_1_when_something_is_wrong(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.pages["/api/v1/doctor"] = {"ok": True, "findings": []}
    assert inn("doctor")[:2] == (0, "nothing is wrong\n")
    finding = {"severity": "error", "what": "no agent", "object": "host 4", "advice": "start it"}
    canned.pages["/api/v1/doctor"] = {"ok": False, "findings": [finding]}
    outcome = inn("doctor")
    assert outcome.code == 1 and "host 4" in outcome.out and "start it" in outcome.out
    assert inn("doctor", "--json").data["findings"] == [finding]


def test_ssh_goes_to_the_first_address(
    canned: CannedFrontEnd, inn: Inn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("innkeeper.cli.session.SYSTEM_DATA", tmp_path / "none")
    canned.documents["vms/N"] = RUNNING
    line = ("vm", "ssh", "3", "-l", "debian", "--ssh-options", "-p 2222", "--print")
    known = "-o HostKeyAlias=inn-vm-3-1700000000 -o StrictHostKeyChecking=accept-new"
    out = inn(*line, "--", "uptime", "-p").out
    assert out == f"ssh -p 2222 {known} debian@10.0.0.12 uptime -p\n"
    assert inn("vm", "ssh", "3", "--json").data["address"] == "10.0.0.12"
    assert inn("vm", "ssh", "3", "--nic-id", "0", "--print").out == f"ssh {known} root@10.0.0.12\n"
    assert inn("vm", "ssh", "3", "--nic-id", "7").code == 1
    canned.documents["vms/N"] = documents.VM_2
    assert inn("vm", "ssh", "2").code == 1


def test_ssh_offers_the_key_of_this_machines_cloud_beside_ones_own(
    canned: CannedFrontEnd, inn: Inn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INN_DATA", str(tmp_path))
    canned.documents["vms/N"] = RUNNING
    own = Path.home() / ".ssh" / "id_ed25519"
    made = tmp_path / "ssh" / "id_ed25519"
    for key in (own, made):
        key.parent.mkdir()
        key.write_text("not really a key\n")
    assert f" -i {own} -i {made} root@" in inn("vm", "ssh", "3", "--print").out


SAMPLES = """<MONITORING_DATA>
<MONITORING><CPU><![CDATA[12.5]]></CPU><DISKRDBYTES><![CDATA[2048]]></DISKRDBYTES><ID><![CDATA[3]]></ID>
<MEMORY><![CDATA[98304]]></MEMORY><NETRX><![CDATA[100]]></NETRX><TIMESTAMP><![CDATA[1700000000]]></TIMESTAMP>
</MONITORING><MONITORING><CPU><![CDATA[2]]></CPU><ID><![CDATA[3]]></ID>
<TIMESTAMP><![CDATA[1700000020]]></TIMESTAMP></MONITORING></MONITORING_DATA>"""


def test_samples_of_a_vm_are_a_table(
    canned: CannedFrontEnd, inn: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    canned.documents["vms/N/monitoring"] = SAMPLES
    titles, first, second = inn("vm", "monitoring", "3").out.splitlines()
    assert titles.split() == ["ID", "TIME", "CPU", "MEMORY", "NETRX", "NETTX", "READ", "WRITTEN"]
    assert first.split() == ["3", "11/14", "22:13:20", "12.5", "96M", "100B", "-", "2K", "-"]
    assert second.split()[3] == "2"
    assert [one["CPU"] for one in inn("vm", "monitoring", "3", "--json").data] == [12.5, 2]
    monkeypatch.setattr("time.time", lambda: 1700000030.0)
    assert len(inn("vm", "monitoring", "3", "--since", "15").out.splitlines()) == 2


def test_the_last_samples_of_all_objects(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents |= {
        "vms/monitoring": SAMPLES,
        "hosts/monitoring": "<MONITORING_DATA><MONITORING><TIMESTAMP>1700000000</TIMESTAMP>"
        "<ID>4</ID><CAPACITY><FREE_CPU>150</FREE_CPU><USED_MEMORY>1048576</USED_MEMORY></CAPACITY>"
        "<SYSTEM><NETRX>5</NETRX></SYSTEM></MONITORING></MONITORING_DATA>",
    }
    assert inn("vm", "monitoring", "--csv").out.splitlines()[1].startswith("3,11/14 22:13:20,12.5")
    assert canned.asked("vms/monitoring") == [{"seconds": "0"}]
    [_, line] = inn("host", "monitoring", "--since", "60").out.splitlines()
    assert line.split() == ["4", "11/14", "22:13:20", "-", "150", "1G", "-", "5B", "-"]
    assert canned.asked("hosts/monitoring") == [{"seconds": "60"}]


def test_a_followed_log_grows_and_begins_again_with_the_guest(
    canned: CannedFrontEnd, inn: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guest writes two lines, is started anew, writes one, and is gone."""
    monkeypatch.setattr("innkeeper.cli.logs._PAUSE", 0.0)
    logs = ["first\n", "first\nmore\n", "anew\n"]

    def page(query: dict[str, str]) -> dict[str, Any] | None:
        offset = int(query["offset"])
        if offset == len(logs[0]):
            logs.pop(0)
        if not logs:
            return None
        rest = logs[0][offset:]
        return {"data": rest, "offset": offset + len(rest), "size": len(logs[0])}

    canned.pages["/api/v1/vms/3/log"] = page
    outcome = inn("vm", "log", "3", "--follow")
    assert (outcome.code, outcome.out) == (3, "first\nmore\nanew\n")
