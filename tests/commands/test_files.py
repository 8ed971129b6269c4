"""What a VM boots from and finds on its CD; tuning, topology; what nobody acts on is refused by name."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from innkeeper.commands import bootstrap, images, vms
from innkeeper.commands.building.files import ENDPOINT
from innkeeper.lifecycle import descriptions
from innkeeper.model.errors import Code
from innkeeper.model.objects import Image, Vm
from innkeeper.model.tokens import KEY
from tests.commands.realm import ADMIN, ALICE, BOB, VM, Realm


@pytest.fixture
def filed(realm: Realm) -> Realm:
    """With a kernel (0), an initial RAM disk (1) and two files for the CD (2, 3), all of them alice's."""
    for name, kind in (
        ("vmlinuz", "KERNEL"),
        ("initrd", "RAMDISK"),
        ("hello.txt", "CONTEXT"),
        ("b.sh", "CONTEXT"),
    ):
        _file(realm, name, kind)
    realm.do(lambda tx: bootstrap.keep(tx, ENDPOINT, "http://10.0.0.1:5030"))
    return realm


def _file(realm: Realm, name: str, kind: str) -> Image:
    text = f"NAME={name}\nTYPE={kind}\nPATH=/images/{name}"
    number = realm.do(lambda tx: images.allocate(tx, ALICE, text, 2, False, ("/images",)))
    realm.finish()
    return realm.world.images[number]


def asked_while_deploying(realm: Realm, text: str) -> dict[str, dict[str, Any]]:
    """The VM's instructions by verb."""
    vm = realm.vm(f"{VM}\n{text}", ALICE)
    host = realm.host()
    realm.do(lambda tx: vms.deploy_on(tx, ADMIN, vm.id, host, False, -1))
    found = {}
    while realm.asked:
        asked = realm.answer()
        found[asked.verb] = asked.args
    return found


BOOTED = 'OS=[KERNEL_DS="$FILE[IMAGE=vmlinuz]",INITRD_DS="$FILE[IMAGE_ID=1]",KERNEL_CMD="quiet",ROOT="vda1"]'


def test_kernel_and_initial_ram_disk_go_with_the_disks(filed: Realm) -> None:
    asked = asked_while_deploying(filed, BOOTED)
    source = filed.world.images[0].source
    kernel, initrd = asked["disk.ensure"]["attachments"]
    assert kernel == {"name": "kernel", "base": source, "origin": source}
    assert initrd["name"] == "initrd"
    domain = asked["domain.ensure"]["domain"]
    assert (domain["kernel"], domain["initrd"]) == ("kernel", "initrd")
    assert domain["cmdline"] == "root=/dev/vda1 quiet"
    system = filed.world.vms[0].template.vector("OS") or {}
    assert system["KERNEL_DS_ID"] == "0" and system["INITRD_DS_SOURCE"] == initrd["base"]
    assert system["KERNEL_DS_TM"] == "dummy" and system["KERNEL_DS_DSID"] == "2"


def test_files_on_the_cd_are_kept_by_number(filed: Realm) -> None:
    text = 'CONTEXT=[FILES_DS="$FILE[IMAGE=\\"hello.txt\\"] $FILE[IMAGE=\\"b.sh\\",IMAGE_UNAME=alice]",TOKEN=NO]'
    asked = asked_while_deploying(filed, text)["context.ensure"]
    assert [each["name"] for each in asked["attachments"]] == ["hello.txt", "b.sh"]
    assert "FILES_DS='$FILE[IMAGE_ID=2] $FILE[IMAGE_ID=3]'" in asked["files"]["context.sh"]
    assert "token.txt" not in asked["files"]


def test_a_token_says_which_vm_the_guest_is(filed: Realm) -> None:
    asked = asked_while_deploying(filed, "CONTEXT=[TOKEN=YES]")["context.ensure"]
    import base64

    key = filed.world.users[ALICE.uid].template.get(KEY) or ""
    assert len(key) == 64
    token = base64.b64decode(asked["files"]["token.txt"])
    cipher = Cipher(algorithms.AES(key[:32].encode()), modes.CBC(bytes(16))).decryptor()
    plain = cipher.update(token) + cipher.finalize()
    vm: Vm = filed.world.vms[0]
    assert plain[: -plain[-1]].decode() == f"0:{vm.stime}"
    assert "ONEGATE_ENDPOINT='http://10.0.0.1:5030'" in asked["files"]["context.sh"]
    assert vm.template.get("CREATED_BY") == str(ALICE.uid)
    filed.vm(f"{VM}\nCONTEXT=[TOKEN=YES]", ALICE)
    assert filed.world.users[ALICE.uid].template.get(KEY) == key


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('OS=[KERNEL_DS="vmlinuz"]', "KERNEL_DS of OS"),
        ('OS=[KERNEL_DS="$FILE[IMAGE=initrd]"]', "is of type RAMDISK, not KERNEL"),
        ('OS=[KERNEL_DS="$FILE[IMAGE_ID=0] $FILE[IMAGE_ID=0]"]', "must name one file, not 2"),
        ('CONTEXT=[FILES_DS="$FILE[IMAGE=vmlinuz]"]', "FILES_DS of CONTEXT: image 0 is of type KERNEL"),
        ('CONTEXT=[FILES_DS="$FILE[IMAGE_ID=2] $FILE[IMAGE_ID=2]"]', "hello.txt"),
        ('CONTEXT=[FILES="/etc/shadow"]', "FILES of CONTEXT is not available"),
        ("CPU_MODEL=[FEATURES=\"a b\"]", "FEATURES of CPU_MODEL"),
        ("VCPU=4\nTOPOLOGY=[SOCKETS=1,CORES=2]", "needs SOCKETS, CORES and THREADS"),
        ("VCPU=4\nTOPOLOGY=[SOCKETS=1,CORES=2,THREADS=1]", "makes 2 CPUs, VCPU says 4"),
        ("TOPOLOGY=[PIN_POLICY=CORE]", "PIN_POLICY of TOPOLOGY is not available"),
        ("TOPOLOGY=[CORES=1]\nVCPU_MAX=4", "VCPU_MAX and TOPOLOGY exclude each other"),
        ("PCI=[SHORT_ADDRESS=\"00:1f.0\"]", "PCI is not available in this release"),
        ("MEMORY_ENCRYPTION=[TYPE=SEV]", "MEMORY_ENCRYPTION is not available"),
        ("FEATURES=[IOTHREADS=2]", "IOTHREADS of FEATURES is not available"),
        ("OS=[FIRMWARE=\"/usr/share/x.fd\"]", "FIRMWARE of OS must be BIOS or UEFI"),
        ("OS=[FIRMWARE=UEFI,FIRMWARE_SECURE=YES]", "FIRMWARE_SECURE of OS is not available"),
        ("VIDEO=[TYPE=virtio,RESOLUTION=huge]", "RESOLUTION of VIDEO"),
        ("VIDEO=[TYPE=virtio,VRAM=1]", "VRAM of VIDEO"),
        ("DISK=[TYPE=fs,SIZE=1,CACHE=fast]", "CACHE of a DISK must be one of"),
        ("DISK=[TYPE=fs,SIZE=1,TOTAL_IOPS_SEC=many]", "TOTAL_IOPS_SEC of a DISK"),
        ("DISK=[TYPE=fs,SIZE=1,RECOVERY_SNAPSHOT_FREQ=7]", "RECOVERY_SNAPSHOT_FREQ of DISK is not available"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_by_name(filed: Realm, text: str, says: str) -> None:
    by = ADMIN if "FILES=" in text or "IOPS" in text or "PCI" in text or "TOPO" in text else ALICE
    found = filed.refused(Code.INTERNAL, lambda tx: vms.allocate(tx, by, f"{VM}\n{text}", True))
    assert says in found


def test_strangers_files_and_files_that_are_not_ready_are_refused(filed: Realm) -> None:
    kernel = f'{VM}\nOS=[KERNEL_DS="$FILE[IMAGE_ID=0]"]'
    filed.refused(Code.AUTHORIZATION, lambda tx: vms.allocate(tx, BOB, kernel, True))
    filed.do(lambda tx: images.enable(tx, ALICE, 0, False))
    found = filed.refused(Code.ACTION, lambda tx: vms.allocate(tx, ALICE, kernel, True))
    assert "image 0 (vmlinuz) is DISABLED" in found


def test_a_token_needs_an_endpoint(realm: Realm) -> None:
    text = f"{VM}\nCONTEXT=[TOKEN=YES]"
    found = realm.refused(Code.INTERNAL, lambda tx: vms.allocate(tx, ALICE, text, True))
    assert "onegate.endpoint is not set" in found


@pytest.mark.parametrize(
    "text",
    [
        "TOPOLOGY=[PIN_POLICY=NONE]", "FEATURES=[IOTHREADS=0,RAS=NO]", "OS=[FIRMWARE=\"\",FIRMWARE_SECURE=NO]",
        "NUMA_NODE=[MEMORY=64,TOTAL_CPUS=1]", "DISK=[TYPE=fs,SIZE=1,IOTHREAD=\"\"]",
    ],
)  # fmt: skip
def test_values_that_ask_for_nothing_do_no_harm(realm: Realm, text: str) -> None:
    vm = realm.vm(f"{VM}\n{text}", ADMIN)
    assert "NUMA_NODE" not in vm.template


def test_tuning_and_topology_reach_the_host(realm: Realm) -> None:
    realm.image("NAME=cd\nTYPE=CDROM\nPATH=/images/cd")
    text = (
        "VCPU=4\nTOPOLOGY=[SOCKETS=1,CORES=2,THREADS=2]\nCPU_MODEL=[MODEL=Nehalem,FEATURES=\"aes, avx\"]\n"
        "DISK=[TYPE=fs,SIZE=1,IO=threads,DISCARD=IGNORE,SERIAL=auto,TOTAL_IOPS_SEC=500,READ_BYTES_SEC=0]\n"
        "DISK=[IMAGE=cd]\nOS=[BOOT=\"disk1,disk0\"]\nVIDEO=[TYPE=virtio,VRAM=2048,RESOLUTION=800x600]\n"
        "FEATURES=[LOCALTIME=YES]"
    )  # fmt: skip
    vm = realm.vm(f"{VM}\n{text}", ADMIN)
    domain = descriptions.domain(vm)
    disk, cd = domain["disks"]
    assert (disk["io"], disk["discard"], disk["serial"]) == ("threads", "ignore", f"{vm.id}-0")
    assert disk["throttles"] == {"total_iops_sec": 500}
    assert (disk["boot"], cd["boot"], cd["device"]) == (2, 1, "cdrom")
    assert domain["topology"] == {"sockets": 1, "cores": 2, "threads": 2}
    assert domain["cpu_features"] == ["aes", "avx"]
    assert (domain["vram"], domain["resolution"], domain["features"]["localtime"]) == (
        2048,
        "800x600",
        True,
    )
    wanted = vm.template.get("AUTOMATIC_REQUIREMENTS") or ""
    assert '(KVM_CPU_FEATURES = "*aes*") & (KVM_CPU_FEATURES = "*avx*")' in wanted
    described = descriptions.disks(realm.world, vm)[1]
    assert described["readonly"] and described["kind"] == "link"
