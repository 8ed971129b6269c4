from . import documents
from .conftest import CannedFrontEnd, Inn


def test_a_vm_sheet_has_facts_rights_devices_and_templates(
    canned: CannedFrontEnd, inn: Inn
) -> None:
    canned.documents["vms/N"] = documents.VM_3_FULL
    out = inn("vm", "show", "3").out
    facts = dict(
        line.split(":", 1) for line in out.splitlines() if " : " in f"{line} " and ":" in line
    )
    assert facts["NAME                "].strip() == "web"
    assert facts["LCM_STATE           "].strip() == "RUNNING"
    assert facts["OWNER               "].strip() == "um-"
    for title in ("VIRTUAL MACHINE 3 INFORMATION", "PERMISSIONS", "VM DISKS", "VM NICS", "HISTORY"):
        assert f"\n{title}\n" in f"\n{out}"
    assert 'DESCRIPTION="the \\"front\\" page"' in out
    assert "02:00:0a:00:00:0c" in out


def test_sections_without_content_are_left_out(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["vms/N"] = documents.VM_2
    out = inn("vm", "show", "2").out
    assert "VM DISKS" not in out
    assert "QUOTA" not in out


def test_one_object_is_an_object_and_several_are_a_list(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["vms/N"] = documents.VM_3_FULL
    assert inn("vm", "show", "3", "--json").data["NAME"] == "web"
    assert [vm["ID"] for vm in inn("vm", "show", "3,4", "--json").data] == [3, 3]
    assert [path for path, _ in canned.calls] == [f"/api/v1/vms/{number}" for number in (3, 3, 4)]


def test_decrypt_is_another_argument_for_templates(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["templates/N"] = "<VMTEMPLATE><ID>1</ID><NAME>t</NAME><TEMPLATE/></VMTEMPLATE>"
    assert inn("template", "show", "1", "--decrypt").code == 0
    assert canned.asked("templates/1") == [{"decrypt": "true"}]


def test_quotas_of_a_user_are_shown(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["users/N"] = (
        "<USER><ID>5</ID><GNAME>g</GNAME><NAME>ann</NAME><ENABLED>1</ENABLED><TEMPLATE/><VM_QUOTA>"
        "<VM><VMS>10</VMS><VMS_USED>1</VMS_USED></VM></VM_QUOTA></USER>"
    )
    out = inn("user", "show", "5").out
    assert "VM QUOTA" in out and "1/10" in out
