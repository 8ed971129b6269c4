"""`inn host flush`: what is asked for, and what is told of VMs that stay."""

from .conftest import CannedFrontEnd, Inn

HOST = "<HOST><ID>4</ID><NAME>node1</NAME><VMS><ID>7</ID><ID>9</ID></VMS></HOST>"


def test_a_host_is_disabled_and_its_vms_go_elsewhere(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["hosts/N"] = HOST
    canned.refuse("POST vms/9/actions/resched", 409, "It is SUSPENDED")
    done = inn("host", "flush", "4")
    assert [what for what, _ in canned.sent] == [
        "POST hosts/4/actions/disable",
        "POST vms/7/actions/resched",
        "POST vms/9/actions/resched",
    ]
    assert done.code == 0
    assert "VM 9 stays" in done.err and "inn vm migrate 9 HOST" in done.err
