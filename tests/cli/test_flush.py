"""`inn host flush`: what is asked for, and what is told of VMs that stay."""

from typing import Any

from .conftest import CannedFrontEnd, Inn

HOST = "<HOST><ID>4</ID><NAME>node1</NAME><VMS><ID>7</ID><ID>9</ID></VMS></HOST>"


def test_a_host_is_disabled_and_its_vms_go_elsewhere(canned: CannedFrontEnd, inn: Inn) -> None:
    def act(action: str, vm: int) -> list[Any]:
        return (
            [True, vm, 0] if vm == 7 else [False, "[one.vm.action] It is SUSPENDED", 2048, -1, -1]
        )

    canned.methods |= {"host.status": 4, "host.info": HOST, "vm.action": act}
    done = inn("host", "flush", "4")
    assert canned.calls_of("host.status") == [(4, 1)]
    assert canned.calls_of("vm.action") == [("resched", 7), ("resched", 9)]
    assert done.code == 0
    assert "VM 9 stays" in done.err and "inn vm migrate 9 HOST" in done.err
