"""`one.user.*`, `one.group.*`, `one.system.*`."""

import pytest

from innkeeper.model.errors import Code
from tests.api.xmlrpc.cloud import ADMIN, ALICE, BOB, Cloud, texts


def test_a_new_user_can_log_in(cloud: Cloud) -> None:
    number = cloud.do("one.user.allocate", "carol", "s:e:c", "")
    user = cloud.xml("one.user.info", -1, session="carol:s:e:c")
    assert (user.findtext("ID"), user.findtext("GID")) == (str(number), "1")
    assert "s:e:c" not in cloud.world.users[number].password.removeprefix("hash of s:e:c")


def test_the_first_group_is_the_primary_one(cloud: Cloud) -> None:
    staff = cloud.do("one.group.allocate", "staff")
    number = cloud.do("one.user.allocate", "carol", "x", "core", [staff, 1, staff])
    user = cloud.world.users[number]
    assert (user.gid, user.groups) == (staff, (1,))


@pytest.mark.parametrize("name", ["", "a b", "alice", "x" * 129, "a:b"])
def test_user_names(cloud: Cloud, name: str) -> None:
    cloud.refused(Code.INTERNAL, "one.user.allocate", name, "x", "core", [])


def test_a_new_user_needs_groups_that_are_there(cloud: Cloud) -> None:
    cloud.refused(Code.NO_EXISTS, "one.user.allocate", "carol", "x", "core", [77])


def test_passwords_change_and_end_sessions(cloud: Cloud) -> None:
    cloud.do("one.user.info", -1, session=ALICE)
    cloud.do("one.user.passwd", 2, "new", session=ALICE)
    cloud.refused(Code.AUTHENTICATION, "one.user.info", -1, session=ALICE)
    cloud.do("one.user.info", -1, session="alice:new")
    cloud.refused(Code.AUTHORIZATION, "one.user.passwd", 2, "x", session=BOB)
    cloud.refused(Code.NO_EXISTS, "one.user.passwd", 77, "x")


def test_tokens(cloud: Cloud) -> None:
    token = cloud.do("one.user.login", "alice", "", 60, session=ALICE)
    assert not token.startswith("<")
    cloud.do("one.user.info", -1, session=f"alice:{token}")
    cloud.clock.now += 61
    cloud.refused(Code.AUTHENTICATION, "one.user.info", -1, session=f"alice:{token}")
    own = cloud.do("one.user.login", "alice", "chosen", -1, 1, session=ALICE)
    assert own == "chosen"
    cloud.do("one.user.info", -1, session="alice:chosen")
    assert cloud.do("one.user.login", "alice", "", 0, session=ALICE)
    cloud.refused(Code.AUTHENTICATION, "one.user.info", -1, session="alice:chosen")


def test_tokens_that_cannot_be(cloud: Cloud) -> None:
    cloud.refused(Code.AUTHORIZATION, "one.user.login", "oneadmin", "", 60, session=ALICE)
    cloud.refused(Code.NO_EXISTS, "one.user.login", "nobody", "", 60)
    cloud.refused(Code.BAD_ARGUMENT, "one.user.login", "alice", "", -2, session=ALICE)
    cloud.refused(Code.BAD_ARGUMENT, "one.user.login", "alice", "none", 0, session=ALICE)
    cloud.refused(Code.BAD_ARGUMENT, "one.user.login", "alice", "", 60, 0, session=ALICE)


def test_primary_groups_change(cloud: Cloud) -> None:
    staff = cloud.do("one.group.allocate", "staff")
    cloud.do("one.user.chgrp", 2, staff)
    assert texts(cloud.xml("one.group.info", staff), "USERS/ID") == ["2"]
    cloud.refused(Code.NO_EXISTS, "one.user.chgrp", 2, 77)
    cloud.refused(Code.BAD_ARGUMENT, "one.user.chgrp", 2, -1)
    cloud.refused(Code.INTERNAL, "one.user.chgrp", 0, staff)
    cloud.refused(Code.ACTION, "one.group.delete", staff)


def test_users_see_themselves_only(cloud: Cloud) -> None:
    cloud.do("one.user.info", 2, session=ALICE)
    cloud.refused(Code.AUTHORIZATION, "one.user.info", 3, session=ALICE)
    cloud.refused(Code.NO_EXISTS, "one.user.info", 77, session=ALICE)
    cloud.refused(Code.NO_EXISTS, "one.user.info", -2, session=ALICE)
    cloud.refused(Code.AUTHORIZATION, "one.group.info", 0, session=ALICE)


def test_what_must_stay(cloud: Cloud) -> None:
    cloud.refused(Code.ACTION, "one.user.delete", 0)
    for group in (0, 1):
        cloud.refused(Code.ACTION, "one.group.delete", group)


def test_group_names(cloud: Cloud) -> None:
    cloud.refused(Code.ALLOCATE, "one.group.allocate", "users")
    cloud.refused(Code.INTERNAL, "one.group.allocate", "a b")


def test_the_version(cloud: Cloud) -> None:
    assert cloud.do("one.system.version", session=ALICE) == "7.0.0"


def test_the_configuration_says_what_is_in_force(cloud: Cloud) -> None:
    found = cloud.xml("one.system.config", session=ALICE)
    assert found.tag == "OPENNEBULA_CONFIGURATION"
    assert found.findtext("DATASTORE_LOCATION") == "/ds"
    assert "DISK/TOTAL_BYTES_SEC" in texts(found, "VM_RESTRICTED_ATTR")
    assert "EMULATOR" in texts(found, "VM_RESTRICTED_ATTR")
    assert texts(found, "VM_MAD/NAME") == ["dummy", "kvm", "lxc", "qemu", "xen"]
    assert "deploy" in (found.findtext("VM_ADMIN_OPERATIONS") or "")
    names = [child.tag for child in found]
    assert names == sorted(names)
    assert cloud.do("one.system.config", session=ADMIN) == cloud.do(
        "one.system.config", session=ALICE
    )
