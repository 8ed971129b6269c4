"""`one.user.*` and `one.userpool.*`."""

from typing import Final

from innkeeper.api.xmlrpc.documents import users as documents
from innkeeper.api.xmlrpc.methods import (
    ID,
    UPDATE,
    Answer,
    Desk,
    Method,
    b,
    change,
    i,
    numbers,
    s,
)
from innkeeper.api.xmlrpc.nouns.quotas import holder
from innkeeper.commands import auth, users
from innkeeper.commands.common import check_create, need
from innkeeper.model.objects import User
from innkeeper.model.permissions import Caller, Right


async def allocate(
    desk: Desk, caller: Caller, name: str, password: str, driver: str, gids: list[int]
) -> Answer:
    """Creates a user. Only those who may are worth the work of hashing the password."""
    check_create(desk.world, caller, User)
    stored = await desk.authenticator.stored(driver, password)
    return await desk.core.run(
        lambda tx: users.allocate(tx, caller, name, stored, driver, gids), caller.uid
    )


async def chauth(desk: Desk, caller: Caller, user_id: int, driver: str, password: str) -> Answer:
    """Sets how a user is authenticated."""
    need(desk.world, User, user_id, caller, Right.ADMIN)
    stored = await desk.authenticator.stored(driver, password)
    return await desk.core.run(
        lambda tx: users.chauth(tx, caller, user_id, driver, stored), caller.uid
    )


async def passwd(desk: Desk, caller: Caller, user_id: int, password: str) -> Answer:
    """Sets a password."""
    user = need(desk.world, User, user_id, caller, Right.MANAGE)
    stored = await desk.authenticator.stored(user.driver, password)
    return await desk.core.run(lambda tx: users.passwd(tx, caller, user_id, stored), caller.uid)


USER: Final = holder(User, documents.user_parts, lambda caller: caller.uid)

METHODS: Final = USER.methods(
    Method("one.user.allocate", (s("name"), s("password"), s("driver"), numbers("groups", ())), allocate,
           "Creates a user; the first group is the primary one."),
    Method("one.user.delete", (ID,), change(users.delete), "Deletes a user."),
    Method("one.user.update", UPDATE, change(users.update_user), "Replaces (0) or merges (1) the template."),
    Method("one.user.passwd", (ID, s("password")), passwd, "Sets the password."),
    Method("one.user.chauth", (ID, s("driver"), s("password")), chauth,
           "Sets the authentication driver; an empty password leaves what it keeps."),
    Method("one.user.enable", (ID, b("enable")), change(users.enable), "Lets a user in, or keeps him out."),
    Method("one.user.addgroup", (ID, i("group")), change(users.add_group), "Puts a user into one more group."),
    Method("one.user.delgroup", (ID, i("group")), change(users.delete_from_group), "Takes a user out of a group."),
    Method("one.user.login", (s("username"), s("token"), i("valid"), i("egid", -1)), change(auth.login),
           "Makes a login token for seconds (-1: for ever), or ends it (0)."),
    Method("one.user.chgrp", (ID, i("gid")), change(users.chgrp), "Sets the primary group."),
)  # fmt: skip
