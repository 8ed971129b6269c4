"""`inn vm save`: what it asks for, and that nothing is left when one is refused."""

import pytest

from innkeeper.cli import save

from .conftest import CannedFrontEnd, Inn

VM = """<VM><ID>3</ID><NAME>web</NAME><STATE>3</STATE><LCM_STATE>{state}</LCM_STATE>
<TEMPLATE><TEMPLATE_ID>5</TEMPLATE_ID>
<DISK><DISK_ID>0</DISK_ID><IMAGE_ID>7</IMAGE_ID><TYPE>FILE</TYPE><SIZE>100</SIZE><DEV_PREFIX>vd</DEV_PREFIX></DISK>
<DISK><DISK_ID>1</DISK_ID><IMAGE_ID>8</IMAGE_ID><TYPE>CDROM</TYPE></DISK>
<DISK><DISK_ID>2</DISK_ID><TYPE>fs</TYPE><SIZE>10</SIZE></DISK>
<NIC><NETWORK_ID>1</NETWORK_ID><MAC>02:00:00:00:00:01</MAC></NIC></TEMPLATE></VM>"""


@pytest.fixture
def cloud(canned: CannedFrontEnd, monkeypatch: pytest.MonkeyPatch) -> CannedFrontEnd:
    monkeypatch.setattr(save, "_PAUSE", 0.0)
    states = iter(["3", "26", "26"])
    canned.documents["vms/N"] = lambda *_: VM.format(state=next(states, "3"))
    canned.results |= {"POST templates/5/actions/clone": 9, "POST vms/3/actions/save-disk": 20}
    return canned


def test_disks_become_images_of_a_copied_template(cloud: CannedFrontEnd, inn: Inn) -> None:
    assert inn("vm", "save", "3", "golden", "--persistent").out == "ID: 9\n"
    text = (
        'DISK=[IMAGE_ID="20",DEV_PREFIX="vd"]\nDISK=[IMAGE_ID="8"]\nDISK=[TYPE="fs",SIZE="10"]\n'
        'NIC=[NETWORK_ID="1"]\n'
    )
    assert cloud.sent == [
        ("POST templates/5/actions/clone", {"name": "golden"}),
        ("POST vms/3/actions/save-disk", {"disk_id": 0, "name": "golden-disk-0"}),
        ("PATCH images/20", {"persistent": True}),
        ("PATCH templates/9", {"template": text}),
    ]
    assert len(cloud.asked("vms/3")) == 4


def test_no_template_is_left_when_a_disk_cannot_be_saved(cloud: CannedFrontEnd, inn: Inn) -> None:
    cloud.refuse("POST vms/3/actions/save-disk", 422, "no")
    outcome = inn("vm", "save", "3", "golden")
    assert (outcome.code, outcome.err) == (1, "inn: no\n")
    assert cloud.sent[-1] == ("DELETE templates/9", {})


def test_nor_are_images(cloud: CannedFrontEnd, inn: Inn) -> None:
    cloud.refuse("PATCH templates/9", 422, "no")
    assert inn("vm", "save", "3", "golden").code == 1
    assert ("DELETE images/20", {}) in cloud.sent
    assert cloud.sent[-1] == ("DELETE templates/9", {})


def test_a_vm_without_a_template_is_not_saved(cloud: CannedFrontEnd, inn: Inn) -> None:
    cloud.documents["vms/N"] = "<VM><ID>3</ID><TEMPLATE/></VM>"
    assert "was not made from a template" in inn("vm", "save", "3", "golden").err
    assert cloud.sent == []
