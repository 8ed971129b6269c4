"""`inn vm save`: which calls it makes, and that nothing is left when one is refused."""

from typing import Any

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
    canned.methods |= {
        "vm.info": lambda *_: [True, VM.format(state=next(states, "3")), 0],
        "template.clone": 9,
        "vm.disksaveas": 20,
        "image.persistent": 20,
        "template.update": 9,
        "template.delete": 9,
        "image.delete": 20,
    }
    return canned


def test_disks_become_images_of_a_copied_template(cloud: CannedFrontEnd, inn: Inn) -> None:
    assert inn("vm", "save", "3", "golden", "--persistent").out == "ID: 9\n"
    calls: dict[str, list[tuple[Any, ...]]] = {name: cloud.calls_of(name) for name in cloud.methods}
    assert calls["template.clone"] == [(5, "golden", False)]
    assert calls["vm.disksaveas"] == [(3, 0, "golden-disk-0", "", -1)]
    assert len(calls["vm.info"]) == 4
    assert calls["image.persistent"] == [(20, True)]
    assert calls["template.update"] == [
        (
            9,
            'DISK=[IMAGE_ID="20",DEV_PREFIX="vd"]\nDISK=[IMAGE_ID="8"]\nDISK=[TYPE="fs",SIZE="10"]\n'
            'NIC=[NETWORK_ID="1"]\n',
            1,
        )
    ]
    assert calls["template.delete"] == []


def test_no_template_is_left_when_a_disk_cannot_be_saved(cloud: CannedFrontEnd, inn: Inn) -> None:
    cloud.refuse("vm.disksaveas", 0x2000, "no")
    outcome = inn("vm", "save", "3", "golden")
    assert (outcome.code, outcome.err) == (1, "inn: no\n")
    assert cloud.calls_of("template.delete") == [(9, False)]


def test_nor_are_images(cloud: CannedFrontEnd, inn: Inn) -> None:
    cloud.refuse("template.update", 0x2000, "no")
    assert inn("vm", "save", "3", "golden").code == 1
    assert cloud.calls_of("image.delete") == [(20, False)]
    assert cloud.calls_of("template.delete") == [(9, False)]


def test_a_vm_without_a_template_is_not_saved(cloud: CannedFrontEnd, inn: Inn) -> None:
    cloud.methods["vm.info"] = "<VM><ID>3</ID><TEMPLATE/></VM>"
    assert "was not made from a template" in inn("vm", "save", "3", "golden").err
    assert cloud.calls_of("template.clone") == []
