"""Users and groups."""

from innkeeper.model import implied
from innkeeper.model.errors import Code, Refusal, bad_argument, invalid, wrong_state
from innkeeper.model.objects import Group, User
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Transaction

from .auth import CORE, DRIVERS, narrowed
from .common import check_create, check_free_name, check_right, need, update

USERS_GROUP = 1
#: The VDC that new groups join.
FIRST_VDC = 0


def allocate(
    tx: Transaction, caller: Caller, name: str, password_hash: str, driver: str, gids: list[int]
) -> int:
    """Creates a user; the first group is the primary one (none given: the caller's, `users` for administrators)."""
    check_create(tx.world, caller, User)
    if any(not isinstance(gid, int) for gid in gids):
        raise invalid("Group ids must be whole numbers")
    for gid in gids:
        group = tx.world.groups[gid]
        if gid != caller.gid:
            check_right(tx.world, caller, Right.MANAGE, group)
    driver = driver or CORE
    check_driver(driver)
    try:
        check_free_name(tx.world, User, name)
    except Refusal as refusal:
        raise invalid(refusal.text, mistake=refusal.mistake) from None
    if not gids:
        gids = [USERS_GROUP if caller.gid == 0 else caller.gid]
    primary, *others = dict.fromkeys(gids)
    user = User(
        id=tx.new_id(User), name=name, gid=primary, groups=tuple(others),
        password=password_hash, driver=driver,
    )  # fmt: skip
    tx.put(user)
    tx.log(user, "created", by=caller.uid)
    return user.id


def delete(tx: Transaction, caller: Caller, user_id: int) -> int:
    """Deletes a user. What he owns stays, for administrators to give to others."""
    user = need(tx.world, User, user_id, caller, Right.ADMIN)
    if user_id == 0:
        raise wrong_state("Cannot delete user. oneadmin cannot be deleted.", user_id)
    tx.delete(user)
    tx.log(user, "deleted", by=caller.uid)
    return user_id


def passwd(tx: Transaction, caller: Caller, user_id: int, password_hash: str) -> int:
    """Sets a user's password; its tokens go with the old one."""
    user = need(tx.world, User, user_id, caller, Right.MANAGE)
    if narrowed(caller, user):
        text = f"User [{caller.uid}] : a token for group {caller.gid} cannot set a password."
        raise Refusal(Code.AUTHORIZATION, text, user_id)
    tx.change(user, password=password_hash, tokens=())
    tx.log(user, "password changed", by=caller.uid)
    return user_id


def update_user(tx: Transaction, caller: Caller, user_id: int, text: str, append: int) -> int:
    """Replaces or merges a user's template."""
    return update(tx, caller, User, user_id, text, append)


def chgrp(tx: Transaction, caller: Caller, user_id: int, group_id: int) -> int:
    """Sets a user's primary group. The old one is left unless the user was in the new one already."""
    user = tx.world.users[user_id]
    if group_id < 0:
        raise bad_argument(f"A group id is expected, not {group_id}", user_id)
    group = tx.world.groups[group_id]
    check_right(tx.world, caller, Right.MANAGE, user)
    check_right(tx.world, caller, Right.USE, group)
    if user_id == 0:
        raise invalid("oneadmin stays in its group", user_id)
    if group_id == user.gid:
        return user_id
    others = user.groups
    if group_id in others:
        others = (*(gid for gid in others if gid != group_id), user.gid)
    tx.change(user, gid=group_id, groups=others)
    if user.gid not in others:
        _resign(tx, tx.world.groups[user.gid], user_id)
    tx.log(user, "primary group", was=user.gid, now=group_id, by=caller.uid)
    return user_id


def enable(tx: Transaction, caller: Caller, user_id: int, enabled: bool) -> int:
    """Lets a user in, or keeps him out: all his sessions and tokens with him."""
    user = need(tx.world, User, user_id, caller, Right.ADMIN)
    if user_id == 0:
        raise wrong_state("oneadmin cannot be disabled.", user_id)
    tx.change(user, enabled=enabled)
    tx.log(user, "enabled" if enabled else "disabled", by=caller.uid)
    return user_id


def chauth(tx: Transaction, caller: Caller, user_id: int, driver: str, stored: str) -> int:
    """Sets how a user is authenticated. `stored` is what the driver keeps; empty leaves it as it is."""
    user = need(tx.world, User, user_id, caller, Right.ADMIN)
    check_driver(driver)
    tx.change(user, driver=driver, password=stored or user.password, tokens=())
    tx.log(user, "authentication", was=user.driver, now=driver, by=caller.uid)
    return user_id


def check_driver(driver: str) -> None:
    """Refuses a driver that is not there."""
    if driver not in DRIVERS:
        known = ", ".join(sorted(DRIVERS))
        raise invalid(
            f"Authentication driver {driver[:40]!r} is not known: one of {known} is expected"
        )


# ---- groups of users --------------------------------------------------------------------------


def add_group(tx: Transaction, caller: Caller, user_id: int, group_id: int) -> int:
    """Puts a user into one more group."""
    user, group = _membership(tx, caller, user_id, group_id)
    if group_id in user.all_groups:
        raise wrong_state(f"User {user_id} is already in group {group_id}", user_id)
    tx.change(user, groups=(*user.groups, group_id))
    tx.log(user, "joined group", group=group.id, by=caller.uid)
    return user_id


def delete_from_group(tx: Transaction, caller: Caller, user_id: int, group_id: int) -> int:
    """Takes a user out of a secondary group; who administrates it does so no more."""
    user, group = _membership(tx, caller, user_id, group_id)
    if group_id == user.gid:
        raise wrong_state(f"Group {group_id} is the primary group of user {user_id}", user_id)
    if group_id not in user.groups:
        raise wrong_state(f"User {user_id} is not in group {group_id}", user_id)
    tx.change(user, groups=tuple(gid for gid in user.groups if gid != group_id))
    _resign(tx, group, user_id)
    tx.log(user, "left group", group=group_id, by=caller.uid)
    return user_id


def _membership(tx: Transaction, caller: Caller, user_id: int, group_id: int) -> tuple[User, Group]:
    user = need(tx.world, User, user_id, caller, Right.MANAGE)
    return user, need(tx.world, Group, group_id, caller, Right.MANAGE)


def _resign(tx: Transaction, group: Group, user_id: int) -> None:
    if user_id in group.admins:
        tx.change(group, admins=tuple(uid for uid in group.admins if uid != user_id))
        implied.settle(tx)


def add_admin(tx: Transaction, caller: Caller, group_id: int, user_id: int) -> int:
    """Makes a member an administrator of a group: four rules follow from it (`model/implied.py`)."""
    group, user = _office(tx, caller, group_id, user_id)
    if group_id not in user.all_groups:
        raise invalid(f"User {user_id} is not part of Group {group_id}.", group_id)
    if user_id in group.admins:
        raise invalid(f"User {user_id} is already an administrator of Group {group_id}.", group_id)
    tx.change(group, admins=(*group.admins, user_id))
    implied.settle(tx)
    tx.log(group, "administrator", user=user_id, by=caller.uid)
    return group_id


def delete_admin(tx: Transaction, caller: Caller, group_id: int, user_id: int) -> int:
    """Takes the office of a group's administrator from a user."""
    group, _ = _office(tx, caller, group_id, user_id)
    if user_id not in group.admins:
        raise invalid(f"User {user_id} is not an administrator of Group {group_id}.", group_id)
    _resign(tx, group, user_id)
    tx.log(group, "administrator no more", user=user_id, by=caller.uid)
    return group_id


def _office(tx: Transaction, caller: Caller, group_id: int, user_id: int) -> tuple[Group, User]:
    group = need(tx.world, Group, group_id, caller, Right.ADMIN)
    return group, need(tx.world, User, user_id, caller, Right.ADMIN)


def allocate_group(tx: Transaction, caller: Caller, name: str) -> int:
    """Creates a group."""
    check_create(tx.world, caller, Group)
    check_free_name(tx.world, Group, name)
    group = Group(id=tx.new_id(Group), name=name)
    tx.put(group)
    vdc = tx.world.vdcs[FIRST_VDC]
    tx.change(vdc, groups=(*vdc.groups, group.id))
    implied.settle(tx)
    tx.log(group, "created", by=caller.uid)
    return group.id


def delete_group(tx: Transaction, caller: Caller, group_id: int) -> int:
    """Deletes an empty group."""
    group = need(tx.world, Group, group_id, caller, Right.ADMIN)
    if group_id in (0, 1):
        raise wrong_state("Cannot delete group. System groups cannot be deleted.", group_id)
    members = tx.world.members.of(group_id)
    if members:
        listed = ", ".join(str(uid) for uid in sorted(members))
        raise wrong_state(f"Cannot delete group. Group {group_id} has users: {listed}", group_id)
    tx.delete(group)
    tx.log(group, "deleted", by=caller.uid)
    return group_id
