"""Who is calling: passwords, login tokens, proofs by keys and certificates, servers that act for users; sessions.

A session string is `user:secret`, or `server:user:token` (`server:user:group:token`) of a server that acts for a user.
A secret that was right is remembered for a while by the SHA-256 of the whole string,
so that the slow password hash is computed once, not for every request. Whatever changes a user forgets its sessions.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec
from cryptography.x509 import Certificate

from innkeeper.model.clock import Clock
from innkeeper.model.errors import Code, Refusal, bad_argument, must_be
from innkeeper.model.objects import LoginToken, User
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Transaction, World

from . import audit, hashes, proofs
from .common import check_right
from .throttle import FREE_THERE, LONGEST_THERE, Throttle, origin

#: The driver whose users have a password here. What others keep there (a public key, a name) is no secret.
CORE = "core"
#: Servers that act for users.
SERVERS = frozenset({"server_cipher", "server_x509"})
#: How users can be authenticated. `public` ones cannot log in: servers act for them (`server_cipher`, `server_x509`).
DRIVERS = frozenset({CORE, "public", "ssh", "x509", "ldap", *SERVERS})
#: Seconds for which a successful authentication is remembered (OpenNebula's shipped SESSION_EXPIRATION_TIME).
SESSION_TIME = 900.0
#: Login tokens of one user at most.
MAX_TOKENS = 10
#: Sessions remembered at most; past it all are forgotten (each is then checked once more).
MAX_SESSIONS = 10_000


class Passwords(Protocol):
    """How passwords are hashed and checked; slow on purpose."""

    def hash(self, password: str) -> str:
        """The text to store."""
        ...

    def verify(self, stored: str, password: str) -> bool:
        """Is it the password?"""
        ...


def denied() -> Refusal:
    """The one answer to every failed authentication."""
    return Refusal(Code.AUTHENTICATION, "User couldn't be authenticated, aborting call.")


def digest(secret: str) -> str:
    """How tokens and sessions are kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Session(msgspec.Struct, frozen=True):
    """A remembered authentication: for which user record, as whom, until when, by which server."""

    user: User
    caller: Caller
    until: float
    server: User | None = None


def caller_of(user: User, egid: int = -1) -> Caller:
    """The user as a caller; a scoped token narrows the groups to one."""
    groups = user.all_groups if egid < 0 else (egid,)
    return Caller(user.id, groups[0], user.name, groups)


class Trust(msgspec.Struct, frozen=True):
    """What authentication relies on besides the users' records.

    `authorities` are the certificates of those who may issue users'; `server` is the one that servers share with this
    front end; `directory` asks a directory server whether a password is a user's (slow).
    """

    authorities: tuple[Certificate, ...] = ()
    server: Certificate | None = None
    directory: Callable[[str, str], bool] | None = None


def _there() -> str:
    """Where the call that is being answered comes from."""
    call = audit.current()
    return origin(call.address) if call is not None else ""


class Authenticator:
    """Turns session strings into callers. `keep` is told a user, and a better hash of his password."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        passwords: Passwords,
        blocking: Callable[..., Awaitable[Any]],
        trust: Trust | None = None,
    ) -> None:
        self.world = world
        self.clock = clock
        self.passwords = passwords
        self.blocking = blocking
        self.trust = trust or Trust()
        self.keep: Callable[[User, str], None] = lambda user, stored: None
        self._sessions: dict[str, Session] = {}
        self._throttle = Throttle(clock)
        self._throttle_there = Throttle(clock, FREE_THERE, LONGEST_THERE)
        self._checks = asyncio.Semaphore(2)
        self._nobody = ""

    async def caller(self, session: str) -> Caller:
        """Who calls, or a refusal; the audit log is told. A right session costs a hash and a look-up."""
        call = audit.current()
        if call is not None:
            call.name = session.partition(":")[0]
        caller = await self._caller(session)
        if call is not None:
            call.caller = caller
        return caller

    async def _caller(self, session: str) -> Caller:
        key = digest(session)
        known = self._sessions.get(key)
        if known is not None:
            if self._holds(known):
                return known.caller
            del self._sessions[key]
        name = session.partition(":")[0]
        if not self._throttle.open(name) or not self._may_guess():
            raise denied()
        found = await self._check(session)
        if found is None:
            self._throttle.wrong(name)
            self._guessed()
            raise denied()
        self._throttle.right(name)
        if len(self._sessions) >= MAX_SESSIONS:
            self._sessions.clear()
        self._sessions[key] = found
        return found.caller

    async def bearer(self, secret: str) -> Caller:
        """Who calls with nothing but a login token, or a refusal."""
        wanted = digest(secret)
        for user in self.world.users:
            if any(hmac.compare_digest(token.digest, wanted) for token in user.tokens):
                return await self.caller(f"{user.name}:{secret}")
        self._guessed()
        raise denied()

    def _may_guess(self) -> bool:
        """May somebody at the address that calls be heard now? That one was right there says nothing of the others."""
        there = _there()
        return not there or self._throttle_there.open(there)

    def _guessed(self) -> None:
        if there := _there():
            self._throttle_there.wrong(there)

    def _holds(self, known: Session) -> bool:
        """Is nothing else now than when it was remembered?"""
        users, server = self.world.users, known.server
        same = users.get(known.user.id) is known.user
        same = same and (server is None or users.get(server.id) is server)
        return same and known.until > self.clock.time()

    async def _check(self, session: str) -> Session | None:
        name, separator, secret = session.partition(":")
        user = self._named(name)
        if not separator or user is None:
            await self._waste_time(secret)
            return None
        if user.driver in SERVERS and ":" in secret:
            return self._by_server(user, secret)
        until = self.clock.time() + SESSION_TIME
        token = self._token(user, secret)
        if token is not None:
            until = until if token.expires < 0 else min(until, token.expires)
            return Session(user, caller_of(user, token.egid), until)
        if not await self._proven(user, secret):
            return None
        user = self.world.users.get(user.id) or user  # a better hash may have been kept meanwhile
        return Session(user, caller_of(user), until)

    def _named(self, name: str) -> User | None:
        """The user of a name, if he may be let in at all."""
        number = self.world.names.find("user", name)
        user = self.world.users.get(number) if number is not None else None
        return user if user is not None and user.enabled else None

    def _by_server(self, server: User, text: str) -> Session | None:
        """A server that acts for a user, perhaps with one of his groups alone."""
        name, *group, token = text.split(":")
        user, egid = self._named(name), -1
        if user is None or len(group) > 1:
            return None
        if group:
            if not group[0].isdecimal() or int(group[0]) not in user.all_groups:
                return None
            egid = int(group[0])
        said = server.password, server.name, name, token, self.clock.time()
        if server.driver == "server_cipher":
            expires = proofs.by_server_cipher(*said)
        else:
            expires = proofs.by_server_certificate(*said, self.trust.server)
        until = min(expires, self.clock.time() + SESSION_TIME)
        return Session(user, caller_of(user, egid), until, server) if expires else None

    async def _proven(self, user: User, secret: str) -> bool:
        """Is the secret what the user's driver wants to see?"""
        stored, name, now = user.password, user.name, self.clock.time()
        match user.driver:
            case "core":
                return await self._has_password(user, secret)
            case "ssh":
                return proofs.by_ssh_key(stored, name, secret, now)
            case "x509":
                trusted = self.trust.authorities
                return proofs.by_certificate(stored, name, secret, now, trusted)
            case "ldap" if self.trust.directory is not None and secret:
                async with self._checks:
                    return bool(await self.blocking(self.trust.directory, stored or name, secret))
            case _:
                return False

    async def _has_password(self, user: User, secret: str) -> bool:
        """Is it the password? One that is kept in an older way is kept better from now on."""
        if not user.password:
            await self._waste_time(secret)
            return False
        if not hashes.is_old(user.password):
            return await self._password_is(user.password, secret)
        if not hashes.matches(user.password, secret):
            await self._waste_time(secret)
            return False
        self.keep(user, await self.hashed(secret))
        return True

    async def _password_is(self, stored: str, secret: str) -> bool:
        async with self._checks:
            right: bool = await self.blocking(self.passwords.verify, stored, secret)
        return right

    async def _waste_time(self, secret: str) -> None:
        """An unknown user costs as much as a wrong password: the time must not tell which names exist."""
        if not self._nobody:
            self._nobody = await self.blocking(self.passwords.hash, secrets.token_hex(8))
        await self._password_is(self._nobody, secret)

    def _token(self, user: User, secret: str) -> LoginToken | None:
        wanted, now = digest(secret), self.clock.time()
        for token in user.tokens:
            current = token.expires < 0 or token.expires > now
            current = current and (token.egid < 0 or token.egid in user.all_groups)
            if current and hmac.compare_digest(token.digest, wanted):
                return token
        return None

    async def stored(self, driver: str, password: str) -> str:
        """What is kept of what a user logs in with: of a password a hash; a public key or a name is kept as it is."""
        return await self.hashed(password) if driver in ("", CORE) and password else password

    async def hashed(self, password: str) -> str:
        """A password as it is stored."""
        text: str = await self.blocking(self.passwords.hash, password)
        return text


def keep_hash(tx: Transaction, user: User, stored: str) -> None:
    """Keeps a better hash of a password, unless the user was changed meanwhile."""
    if tx.world.users.get(user.id) is user:
        tx.change(user, password=stored)
        tx.log(user, "password hashed anew")


def narrowed(caller: Caller, user: User) -> bool:
    """Does a user act with less than all of his groups? Then he must not make himself the way to more."""
    return caller.uid == user.id and set(caller.groups) != set(user.all_groups)


def login(tx: Transaction, caller: Caller, username: str, token: str, valid: int, egid: int) -> str:
    """Makes, or ends (valid 0), a login token of a user; returns its text."""
    number = tx.world.names.find("user", username)
    if number is None:
        raise Refusal(Code.NO_EXISTS, f"Error getting user [{username}].")
    user = tx.world.users[number]
    check_right(tx.world, caller, Right.MANAGE, user)
    if valid == 0:
        kept = () if not token else tuple(t for t in user.tokens if t.digest != digest(token))
        if token and len(kept) == len(user.tokens):
            raise bad_argument("The token does not exist", number)
        tx.change(user, tokens=kept)
        return token or " "
    if valid < -1:
        raise bad_argument(must_be("valid", "seconds, -1 (for ever) or 0 (no more)", valid), number)
    if egid >= 0 and egid not in user.all_groups:
        raise bad_argument(f"User {number} is not in group {egid}", number)
    if narrowed(caller, user) and egid not in caller.groups:
        raise bad_argument(f"A token for group {caller.gid} cannot make one for more", number)
    live = tuple(t for t in user.tokens if t.expires < 0 or t.expires > tx.now)
    if len(live) >= MAX_TOKENS:
        raise bad_argument(f"User {number} has {MAX_TOKENS} login tokens already", number)
    token = token or secrets.token_hex(32)
    expires = -1 if valid == -1 else tx.second + valid
    tx.change(user, tokens=(*live, LoginToken(digest(token), expires, egid)))
    tx.log(user, "login token made", by=caller.uid, expires=expires)
    return token
