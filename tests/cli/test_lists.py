import pytest

from . import documents
from .conftest import CannedFrontEnd, Inn


@pytest.fixture
def cloud(canned: CannedFrontEnd) -> CannedFrontEnd:
    canned.documents |= {
        "vms": documents.VM_POOL,
        "hosts": documents.HOST_POOL,
        "images": documents.IMAGE_POOL,
        "users": documents.USER_POOL,
        "datastores": documents.DATASTORE_POOL,
    }
    return canned


def test_vms_show_the_usual_columns(cloud: CannedFrontEnd, inn: Inn) -> None:
    titles, first, second = inn("vm", "list").out.splitlines()
    assert titles.split() == ["ID", "USER", "GROUP", "NAME", "STAT", "CPU", "MEM", "HOST", "TIME"]
    assert first.split() == [
        "3",
        "oneadmin",
        "oneadmin",
        "web",
        "runn",
        "0.5",
        "1.5G",
        "node1",
        "1d",
        "02h03m",
    ]
    assert second.split() == (
        [
            "2",
            "ann",
            "students",
            "*waiting-for-a-very-long-time",
            "pend",
            "2",
            "2G",
            "-",
            "0d",
            "00h01m",
        ]
    )
    assert cloud.calls == [("/api/v1/vms", {"filter": "-2"})]


def test_columns_stand_under_their_titles(cloud: CannedFrontEnd, inn: Inn) -> None:
    titles, *rows = inn("vm", "list", "-l", "NAME,STAT,CPU").out.splitlines()
    place = titles.index("STAT")
    assert [row[place : place + 4] for row in rows] == ["runn", "pend"]


def test_hosts_show_what_is_allocated(cloud: CannedFrontEnd, inn: Inn) -> None:
    _, first, second = inn("host", "list").out.splitlines()
    assert first.split("  ") and "50 / 400 (12%)" in first and "1.5G / 8G (19%)" in first
    assert first.split()[-2:] == ["on", "-"]
    assert second.split() == ["1", "node0", "default", "0", "-", "-", "err", "-"]


def test_images_show_type_persistence_and_state(cloud: CannedFrontEnd, inn: Inn) -> None:
    titles, image = inn("image", "list").out.splitlines()
    assert titles.split()[7] == "PER"
    assert image.split() == [
        "7",
        "oneadmin",
        "oneadmin",
        "debian",
        "default",
        "2G",
        "OS",
        "Yes",
        "used",
        "1",
    ]


def test_users_show_quotas_but_administrators_have_none(cloud: CannedFrontEnd, inn: Inn) -> None:
    _, ann, admin = inn("user", "list").out.splitlines()
    assert "1 / 10" in ann and "2G / -" in ann and "2 / 4" in ann
    assert admin.split()[-4:] == ["-", "-", "-", "-"]


def test_datastores_show_room_unless_each_host_has_its_own(cloud: CannedFrontEnd, inn: Inn) -> None:
    _, default, system = inn("datastore", "list").out.splitlines()
    assert default.split() == [
        "1",
        "default",
        "1000M",
        "25%",
        "0,100",
        "1",
        "img",
        "fs",
        "local",
        "on",
    ]
    assert system.split() == ["0", "system", "-", "-", "0", "0", "sys", "-", "local", "on"]


def test_csv_has_chosen_columns_and_no_padding(cloud: CannedFrontEnd, inn: Inn) -> None:
    assert inn("vm", "list", "--csv", "-l", "id,name,ip").out.splitlines() == [
        "ID,NAME,IP",
        "3,web,10.0.0.12",
        "2,*waiting-for-a-very-long-time,--",
    ]


def test_json_is_a_list_of_objects(cloud: CannedFrontEnd, inn: Inn) -> None:
    found = inn("vm", "list", "--json").data
    assert [(vm["ID"], vm["STATE_NAME"]) for vm in found] == [(3, "RUNNING"), (2, "PENDING")]
    assert inn("--json", "vm", "list").data == found


def test_xml_is_the_document_itself(cloud: CannedFrontEnd, inn: Inn) -> None:
    assert inn("vm", "list", "--xml").out == documents.VM_POOL + "\n"


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("STAT=runn", ["web"]),
        ("STAT!=runn", ["*waiting-for-a-very-long-time"]),
        ("CPU>1", ["*waiting-for-a-very-long-time"]),
        ("cpu<=0.5", ["web"]),
        ("MEM>1.8G", ["*waiting-for-a-very-long-time"]),
        ("NAME~^w.b$", ["web"]),
        ("NAME = web", ["web"]),
    ],
)
def test_filters_choose_rows(
    cloud: CannedFrontEnd, inn: Inn, condition: str, names: list[str]
) -> None:
    rows = inn("vm", "list", "--no-header", "-l", "NAME", "-f", condition).out.split()
    assert rows == names


def test_a_pool_can_be_narrowed_to_a_user(cloud: CannedFrontEnd, inn: Inn) -> None:
    inn("vm", "list", "mine")
    inn("vm", "list", "ann")
    assert [query["filter"] for query in cloud.asked("vms")] == ["-3", "5"]


@pytest.mark.parametrize("arguments", [("-l", "COLOUR"), ("-f", "CPU?1"), ("-f", "NAME~[")])
def test_wrong_columns_and_filters_are_wrong_usage(
    cloud: CannedFrontEnd, inn: Inn, arguments: tuple[str, ...]
) -> None:
    outcome = inn("vm", "list", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("inn: --") and outcome.err.count("\n") == 1


def test_an_empty_cloud_is_no_error(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["vms"] = "<VM_POOL></VM_POOL>"
    assert inn("vm", "list").out.split()[0] == "ID"
    assert inn("vm", "list", "--json").data == []


def test_the_log_of_hooks(canned: CannedFrontEnd, inn: Inn) -> None:
    record = (
        "<HOOK_EXECUTION_RECORD><HOOK_ID>3</HOOK_ID><EXECUTION_ID>12</EXECUTION_ID><TIMESTAMP>0</TIMESTAMP>"
        "<ARGUMENTS/><EXECUTION_RESULT><COMMAND/><STDOUT>b3V0Cg==</STDOUT><STDERR>bm8KYmFkCg==</STDERR><CODE>7</CODE>"
        "</EXECUTION_RESULT></HOOK_EXECUTION_RECORD>"
    )
    canned.documents["hooks/log"] = f"<HOOKLOG>{record}</HOOKLOG>"
    out = inn("hook", "log", "--error", "--hook", "3", "--since", "5").out
    assert canned.asked("hooks/log") == [{"min_ts": "5", "max_ts": "-1", "hook": "3", "rc": "-1"}]
    assert out.splitlines()[1].split() == ["3", "12", "-", "7", "ERROR", "bad"]
    outcome = inn("hook", "log", "--error", "--success")
    assert outcome.code == 2 and "exclude each other" in outcome.err
