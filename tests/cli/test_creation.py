"""What `create` and `instantiate` send: options, files and pipes as template text."""

from pathlib import Path

import pytest

from . import documents
from .conftest import CannedFrontEnd, Inn


@pytest.fixture
def front_end(canned: CannedFrontEnd) -> CannedFrontEnd:
    canned.results |= {
        "POST vms": 12,
        "POST templates": 4,
        "POST templates/4/actions/instantiate": 13,
    }
    canned.documents |= {
        "datastores": documents.DATASTORE_POOL,
        "templates": "<VMTEMPLATE_POOL><VMTEMPLATE><ID>4</ID><NAME>small</NAME>"
        "</VMTEMPLATE></VMTEMPLATE_POOL>",
    }
    return canned


def texts_of(front_end: CannedFrontEnd, path: str = "vms") -> list[str]:
    """The templates from which something was to be made."""
    return [said["template"] for said in front_end.changes(f"POST {path}")]


def test_a_vm_from_options(front_end: CannedFrontEnd, inn: Inn) -> None:
    outcome = inn(
        "vm", "create", "--name", "web", "--cpu", "1", "--vcpu", "2", "--memory", "1.5g",
        "--disk", "debian:size=4096", "--disk", "7,bob[data]", "--disk", ":type=fs:size=100",
        "--nic", "public:ip=10.0.0.12", "--arch", "x86_64", "--boot", "disk0",
        "--vnc", "--context", "GREETING=say \"hi\"", "--set", "SCHED_REQUIREMENTS=ID=\"4\"", "--hold",
    )  # fmt: skip
    assert (outcome.code, outcome.out) == (0, "ID: 12\n")
    [said] = front_end.changes("POST vms")
    assert said["hold"] is True
    assert said["template"].splitlines() == [
        'CPU="1"',
        'VCPU="2"',
        'MEMORY="1536"',
        'DISK=[IMAGE="debian",SIZE="4096"]',
        'DISK=[IMAGE_ID="7"]',
        'DISK=[IMAGE="data",IMAGE_UNAME="bob"]',
        'DISK=[TYPE="fs",SIZE="100"]',
        'NIC=[NETWORK="public",IP="10.0.0.12"]',
        'GRAPHICS=[TYPE="vnc"]',
        'OS=[ARCH="x86_64",BOOT="disk0"]',
        'CONTEXT=[NETWORK="YES",GREETING="say \\"hi\\""]',
        'SCHED_REQUIREMENTS="ID=\\"4\\""',
        'NAME="web"',
    ]


def test_a_vm_from_a_file_with_options_on_top(
    front_end: CannedFrontEnd, inn: Inn, tmp_path: Path
) -> None:
    (tmp_path / "vm.txt").write_text('NAME = "old"\ncpu=1\nMEMORY=512\nDISK=[IMAGE="debian"]')
    inn("vm", "create", str(tmp_path / "vm.txt"), "--name", "new", "--cpu", "2")
    [text] = texts_of(front_end)
    assert text == 'MEMORY=512\nDISK=[IMAGE="debian"]\nCPU="2"\nNAME="new"\n'


def test_options_do_not_touch_the_insides_of_values(
    front_end: CannedFrontEnd, inn: Inn, tmp_path: Path
) -> None:
    script = 'CONTEXT = [ START_SCRIPT = "#!/bin/sh\nNAME=inner\necho \\"$NAME\\" ]\n",\n  NAME = inner ]\n'
    quoted = 'NOTE = "one [\nNAME = two\n"\n'
    (tmp_path / "vm.txt").write_text(f'{quoted}Name = "old" # say\n{script}NAME=old\n')
    inn("vm", "create", str(tmp_path / "vm.txt"), "--name", "new")
    [text] = texts_of(front_end)
    assert text == f'{quoted}# say\n{script}NAME="new"\n'


def test_a_vm_from_a_pipe(front_end: CannedFrontEnd, inn: Inn) -> None:
    inn("vm", "create", stdin="CPU=1\nMEMORY=64\n")
    inn("vm", "create", "-", "--name", "n", stdin="CPU=1\nMEMORY=64\n")
    assert texts_of(front_end) == [
        "CPU=1\nMEMORY=64\n",
        'CPU=1\nMEMORY=64\nNAME="n"\n',
    ]


def test_xml_is_passed_on_as_it_is_but_takes_no_options(
    front_end: CannedFrontEnd, inn: Inn
) -> None:
    text = "<VM><CPU>1</CPU><MEMORY>64</MEMORY></VM>"
    assert inn("vm", "create", stdin=text).code == 0
    assert front_end.sent == [("POST vms", {"template": text, "hold": False})]
    assert inn("vm", "create", "-", "--name", "x", stdin=text).code == 2


def test_several_vms_are_numbered(front_end: CannedFrontEnd, inn: Inn) -> None:
    outcome = inn("vm", "create", "--name", "n", "--count", "2", "--json")
    assert outcome.data == [{"ID": 12}, {"ID": 12}]
    inn("vm", "create", "--name", "a%i", "-m", "2")
    texts = [text.splitlines()[-1] for text in texts_of(front_end)]
    assert texts == ['NAME="n-0"', 'NAME="n-1"', 'NAME="a0"', 'NAME="a1"']


def test_dry_prints_and_sends_nothing(front_end: CannedFrontEnd, inn: Inn) -> None:
    assert inn("vm", "create", "--name", "web", "--dry").out == 'NAME="web"\n'
    assert inn("template", "create", "--name", "web", "--dry").out == 'NAME="web"\n'
    assert inn("image", "create", "--name", "web", "--dry").out == 'NAME="web"\n'
    assert front_end.sent == front_end.calls == []


def test_a_template_is_instantiated_with_changes(front_end: CannedFrontEnd, inn: Inn) -> None:
    outcome = inn(
        "template",
        "instantiate",
        "small",
        "--name",
        "web-%i",
        "-m",
        "2",
        "--memory",
        "1g",
        "--hold",
    )
    assert (outcome.code, outcome.out) == (0, "ID: 13\nID: 13\n")
    what = "POST templates/4/actions/instantiate"
    said = {"hold": True, "template": 'MEMORY="1024"\n', "persistent": False}
    assert front_end.sent == [(what, {**said, "name": f"web-{number}"}) for number in (0, 1)]


def test_instantiating_does_not_wait_for_a_pipe(front_end: CannedFrontEnd, inn: Inn) -> None:
    inn("template", "instantiate", "4", stdin="CPU=9")
    [(what, said)] = front_end.sent
    assert what == "POST templates/4/actions/instantiate" and said["template"] == ""


def test_an_image_from_options(
    front_end: CannedFrontEnd, inn: Inn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inn("image", "create", "--name", "d", "--path", "here.qcow2", "--type", "os", "--persistent",
        "--prefix", "vd", "-d", "default")  # fmt: skip
    [said] = front_end.changes("POST images")
    assert (said["datastore_id"], said["no_check_capacity"]) == (1, False)
    assert said["template"].splitlines() == [
        'NAME="d"', 'TYPE="OS"', 'PERSISTENT="YES"', f'PATH="{tmp_path}/here.qcow2"',
        'DEV_PREFIX="vd"',
    ]  # fmt: skip
    inn("image", "create", "--name", "u", "--path", "https://example.org/x", "--size", "1g")
    assert texts_of(front_end, "images")[1] == (
        'NAME="u"\nPATH="https://example.org/x"\nSIZE="1024"\n'
    )


def test_a_network_from_options(front_end: CannedFrontEnd, inn: Inn) -> None:
    inn("network", "create", "--name", "p", "--bridge", "br0", "--ip", "10.0.0.2", "-s", "9",
        "--phydev", "eth1", "--gateway", "10.0.0.1", "--nat")  # fmt: skip
    [said] = front_end.changes("POST networks")
    assert said["cluster_id"] == -1
    assert said["template"].splitlines() == [
        'NAME="p"', 'BRIDGE="br0"', 'PHYDEV="eth1"', 'VN_MAD="bridge"', 'GATEWAY="10.0.0.1"',
        'NAT="YES"', 'AR=[TYPE="IP4",IP="10.0.0.2",SIZE="9"]',
    ]  # fmt: skip


def test_a_datastore_from_options(front_end: CannedFrontEnd, inn: Inn) -> None:
    inn("datastore", "create", "--name", "s", "--type", "system")
    inn("datastore", "create", "--name", "i", "--ds-mad", "ceph", "--tm-mad", "ceph")
    assert texts_of(front_end, "datastores") == [
        'NAME="s"\nTYPE="SYSTEM_DS"\nTM_MAD="local"\n',
        'NAME="i"\nTYPE="IMAGE_DS"\nDS_MAD="ceph"\nTM_MAD="ceph"\n',
    ]


def test_a_value_that_no_template_can_hold_is_refused(front_end: CannedFrontEnd, inn: Inn) -> None:
    for value in ("ends with \\", "a]]>b"):
        outcome = inn("vm", "create", "--name", value)
        assert outcome.code == 2 and "template value" in outcome.err
    assert front_end.sent == front_end.calls == []


def test_a_public_key_is_found_in_the_home_folder(front_end: CannedFrontEnd, inn: Inn) -> None:
    assert inn("vm", "create", "--ssh", "--name", "x").code == 1
    (Path.home() / ".ssh").mkdir()
    (Path.home() / ".ssh" / "id_ed25519.pub").write_text("ssh-ed25519 AAAA ann\n")
    assert inn("vm", "create", "--name", "x", "--ssh").code == 0
    [text] = texts_of(front_end)
    assert 'CONTEXT=[SSH_PUBLIC_KEY="ssh-ed25519 AAAA ann"]' in text


def test_update_reads_a_file_a_pipe_or_settings(
    front_end: CannedFrontEnd, inn: Inn, tmp_path: Path
) -> None:
    (tmp_path / "t").write_text("A=1\n")
    inn("template", "update", "4", str(tmp_path / "t"))
    inn("template", "update", "4", "-a", stdin="B=2\n")
    inn("template", "update", "4", "--set", "C=3", "--set", 'D=[E="4"]')
    assert front_end.changes("PATCH templates/4") == [
        {"template": "A=1\n", "merge": False},
        {"template": "B=2\n", "merge": True},
        {"template": 'C="3"\nD=[E="4"]\n', "merge": True},
    ]
