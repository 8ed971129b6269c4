"""What templates ask of whoever instantiates them, and for whom that may be."""

from innkeeper.commands import template_images, templates
from innkeeper.model.errors import Code
from innkeeper.model.permissions import Caller
from tests.commands.realm import ADMIN, ALICE, VM, Realm

ASKS = f'{VM}\nNAME=t\nUSER_INPUTS=[SIZE="M|list|how large|small,big|small"]'


def made(realm: Realm, text: str, extra: str, caller: Caller = ADMIN) -> int:
    number = realm.do(lambda tx: templates.allocate(tx, caller, text))
    return realm.do(
        lambda tx: template_images.instantiate(tx, caller, number, "", False, extra, False)
    )


def test_inputs_that_are_given_must_fit(realm: Realm) -> None:
    vm = realm.world.vms[made(realm, ASKS, "SIZE=big")]
    assert vm.user_template.get("SIZE") == "big"
    text = realm.refused(
        Code.INTERNAL, lambda tx: templates.instantiate(tx, ADMIN, 0, "", False, "SIZE=huge")
    )
    assert text == "SIZE must be one of small,big, not 'huge'."


def test_a_vm_may_be_made_for_another(realm: Realm) -> None:
    vm = realm.world.vms[made(realm, f"{VM}\nNAME=t", "AS_UID=2\nAS_GID=1")]
    assert (vm.uid, vm.gid, "AS_UID" in vm.user_template) == (2, 1, False)
    number = realm.do(lambda tx: templates.allocate(tx, ALICE, f"{VM}\nNAME=mine"))
    for extra in ("AS_UID=0", "AS_GID=0"):
        realm.refused(
            Code.AUTHORIZATION,
            lambda tx, e=extra: templates.instantiate(tx, ALICE, number, "", False, e),
        )
    wrong = "AS_UID=x"
    realm.refused(
        Code.INTERNAL, lambda tx: templates.instantiate(tx, ADMIN, number, "", False, wrong)
    )
