"""Who may come in, and by what he shows: made with real keys and certificates, as OpenNebula's clients make it."""

import asyncio
import base64
import datetime
import hashlib
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import NameOID

from innkeeper.commands import audit, auth, users
from innkeeper.commands.auth import Authenticator, Trust
from innkeeper.commands.proofs import distinguished_name
from innkeeper.commands.throttle import FREE, FREE_THERE, LONGEST, LONGEST_THERE, origin
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.permissions import Caller
from tests.commands.realm import ADMIN, ALICE, Realm
from tests.commands.test_people import PlainPasswords, at_once

SOON = 1_700_000_600
OVER = 1_699_999_999


class Door:
    """An authenticator that lives on, with what it trusts; `asked` counts passwords that were looked at."""

    def __init__(self, realm: Realm, trust: Trust | None = None) -> None:
        self.asked = 0
        self.realm = realm
        self.opens = Authenticator(realm.world, realm.clock, PlainPasswords(), self._work, trust)
        self.opens.keep = lambda user, stored: realm.do(lambda tx: auth.keep_hash(tx, user, stored))

    async def _work(self, work: Any, *args: Any) -> Any:
        self.asked += 1
        return await at_once(work, *args)

    def caller(self, session: str) -> Caller:
        return asyncio.run(self.opens.caller(session))

    def shut(self, session: str) -> None:
        with pytest.raises(Refusal) as caught:
            self.caller(session)
        assert (caught.value.code, caught.value.text) == (
            Code.AUTHENTICATION,
            "User couldn't be authenticated, aborting call.",
        )


def becomes(realm: Realm, uid: int, driver: str, stored: str) -> None:
    realm.do(lambda tx: users.chauth(tx, ADMIN, uid, driver, stored))


# ---- keys and certificates --------------------------------------------------------------------


@cache
def key(number: int = 0) -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def applied(private: RSAPrivateKey, text: str) -> str:
    """A private key applied to a text (PKCS #1, type 1), in base64: what OpenSSL calls private_encrypt."""
    numbers = private.private_numbers()
    modulus = numbers.public_numbers.n
    size = (modulus.bit_length() + 7) // 8
    block = b"\0\1" + b"\xff" * (size - 3 - len(text)) + b"\0" + text.encode()
    done = pow(int.from_bytes(block, "big"), numbers.d, modulus)
    return base64.b64encode(done.to_bytes(size, "big")).decode()


def public(private: RSAPrivateKey) -> str:
    der = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def name(common: str) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, "Our Org"), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def certificate(
    subject: str, of: int, issuer: str, by: int, *, ca: bool = False, days: float = 10
) -> x509.Certificate:
    """A certificate that is good from the day before the tests' time on."""
    start = datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC) - datetime.timedelta(1)
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key(of).public_key())
        .serial_number(of + 1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(key(by), hashes.SHA256())
    )


ROOT = cache(lambda: certificate("root", 1, "root", 1, ca=True))


def pem(*chain: x509.Certificate) -> str:
    return ":".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in chain)


def shown(of: int, text: str, *chain: x509.Certificate) -> str:
    """What a user with a certificate sends."""
    return base64.b64encode(f"{applied(key(of), text)}:{pem(*chain)}".encode()).decode()


# ---- ssh --------------------------------------------------------------------------------------


def test_an_ssh_key_proves_who_one_is(realm: Realm) -> None:
    becomes(realm, ALICE.uid, "ssh", public(key()))
    door = Door(realm)
    assert door.caller(f"alice:{applied(key(), f'alice:{SOON}')}").uid == ALICE.uid
    door.shut(f"alice:{applied(key(), f'bob:{SOON}')}")
    door.shut(f"alice:{applied(key(), f'alice:{OVER}')}")
    door.shut(f"alice:{applied(key(7), f'alice:{SOON}')}")
    door.shut(f"alice:{public(key())}")


@pytest.mark.parametrize("secret", ["", "x", "====", "A" * 344, "A" * 100_000, "é"])
def test_what_is_no_proof(realm: Realm, secret: str) -> None:
    for driver in ("ssh", "x509", "server_cipher", "server_x509", "ldap", "public"):
        becomes(realm, ALICE.uid, driver, public(key()))
        for session in (f"alice:{secret}", f"alice:bob:{secret}", f"alice:bob:1:{secret}"):
            Door(realm).shut(session)


# ---- x509 -------------------------------------------------------------------------------------


def test_a_certificate_proves_who_one_is(realm: Realm) -> None:
    mine = certificate("alice", 2, "root", 1)
    becomes(realm, ALICE.uid, "x509", f"/CN=else|{distinguished_name(mine.subject)}")
    assert realm.world.users[ALICE.uid].password.endswith("/O=OurOrg/CN=alice")
    door = Door(realm, Trust(authorities=(ROOT(),)))
    assert door.caller(f"alice:{shown(2, f'alice:{SOON}', mine)}").uid == ALICE.uid
    door.shut(f"alice:{shown(2, f'bob:{SOON}', mine)}")
    door.shut(f"alice:{shown(2, f'alice:{OVER}', mine)}")
    door.shut(f"alice:{shown(3, f'alice:{SOON}', mine)}")
    Door(realm).shut(f"alice:{shown(2, f'alice:{SOON}', mine)}")


def test_authorities_between(realm: Realm) -> None:
    """Only who is an authority can issue: another user's certificate cannot make one of alice's name."""
    becomes(realm, ALICE.uid, "x509", "/O=OurOrg/CN=alice")
    door = Door(realm, Trust(authorities=(ROOT(),)))
    middle = certificate("middle", 4, "root", 1, ca=True)
    mine = certificate("alice", 2, "middle", 4)
    assert door.caller(f"alice:{shown(2, f'alice:{SOON}', mine, middle)}")
    mallory = certificate("mallory", 5, "root", 1)
    forged = certificate("alice", 6, "mallory", 5)
    door.shut(f"alice:{shown(6, f'alice:{SOON}', forged, mallory)}")
    door.shut(f"alice:{shown(6, f'alice:{SOON}', certificate('alice', 6, 'alice', 6))}")
    door.shut(f"alice:{shown(2, f'alice:{SOON}', certificate('alice', 2, 'root', 1, days=0.5))}")


# ---- servers ----------------------------------------------------------------------------------

SERVER_KEY = hashlib.sha256(b"a secret of servers").hexdigest()


def ciphered(text: str, secret: str = SERVER_KEY) -> str:
    padder = padding.PKCS7(128).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    cipher = Cipher(algorithms.AES(secret[:32].encode()), modes.CBC(bytes(16))).encryptor()
    return base64.b64encode(cipher.update(padded) + cipher.finalize()).decode()


@pytest.fixture
def server(realm: Realm) -> str:
    """The server `front`, which may act for users."""
    realm.do(lambda tx: users.allocate(tx, ADMIN, "front", SERVER_KEY, "server_cipher", [0]))
    return "front"


def test_a_server_acts_for_users(realm: Realm, server: str) -> None:
    door = Door(realm)
    token = ciphered(f"{server}:alice:{SOON}")
    assert door.caller(f"{server}:alice:{token}") == Caller(2, 1, "alice", (1,))
    becomes(realm, 3, "public", "")
    assert door.caller(f"{server}:bob:{ciphered(f'{server}:bob:{SOON}')}").uid == 3
    door.shut(f"{server}:bob:{token}")  # it is for alice
    door.shut(f"{server}:alice:{ciphered(f'else:alice:{SOON}')}")
    door.shut(f"{server}:alice:{ciphered(f'{server}:alice:{OVER}')}")
    door.shut(f"{server}:alice:{ciphered(f'{server}:alice:{SOON}', 'another' * 9)}")
    door.shut(f"{server}:nobody:{ciphered(f'{server}:nobody:{SOON}')}")
    door.shut(f"{server}:{token}")
    door.shut(f"alice:bob:{ciphered(f'alice:bob:{SOON}')}")


def test_a_server_acts_with_one_group_of_a_user(realm: Realm, server: str) -> None:
    lab = realm.do(lambda tx: users.allocate_group(tx, ADMIN, "lab"))
    realm.do(lambda tx: users.add_group(tx, ADMIN, ALICE.uid, lab))
    token = ciphered(f"{server}:alice:{SOON}")
    door = Door(realm)
    assert door.caller(f"{server}:alice:{token}").groups == (1, lab)
    assert door.caller(f"{server}:alice:{lab}:{token}").groups == (lab,)
    for group in ("0", "77", "-1", "x", ""):
        door.shut(f"{server}:alice:{group}:{token}")


def test_what_a_server_may_ends_with_it(realm: Realm, server: str) -> None:
    door = Door(realm)
    session = f"{server}:alice:{ciphered(f'{server}:alice:{SOON}')}"
    door.caller(session)
    realm.clock.now = SOON + 1.0
    door.shut(session)
    later = f"{server}:alice:{ciphered(f'{server}:alice:{SOON + 900}')}"
    door.caller(later)
    number = realm.world.names.find("user", server) or -1
    realm.do(lambda tx: users.enable(tx, ADMIN, number, False))
    door.shut(later)
    realm.do(lambda tx: users.enable(tx, ADMIN, number, True))
    door.caller(later)
    realm.do(lambda tx: users.enable(tx, ADMIN, ALICE.uid, False))
    door.shut(later)


def test_a_server_with_a_certificate(realm: Realm) -> None:
    own = certificate("servers", 8, "servers", 8)
    stored = distinguished_name(own.subject)
    realm.do(lambda tx: users.allocate(tx, ADMIN, "gate", stored, "server_x509", [0]))
    door = Door(realm, Trust(server=own))

    def token(text: str, of: int = 8) -> str:
        return base64.b64encode(applied(key(of), text).encode()).decode()

    assert door.caller(f"gate:alice:{token(f'gate:alice:{SOON}')}").uid == ALICE.uid
    door.shut(f"gate:bob:{token(f'gate:alice:{SOON}')}")
    door.shut(f"gate:alice:{token(f'gate:alice:{SOON}', 9)}")
    Door(realm).shut(f"gate:alice:{token(f'gate:alice:{SOON}')}")


# ---- passwords --------------------------------------------------------------------------------


@pytest.mark.parametrize("digest", [hashlib.sha1, hashlib.sha256])
def test_old_hashes_are_made_better_at_the_first_login(realm: Realm, digest: Any) -> None:
    old = digest(b"secret").hexdigest()
    realm.do(lambda tx: users.passwd(tx, ADMIN, ALICE.uid, old))
    door = Door(realm)
    door.shut("alice:wrong")
    door.shut(f"alice:{old}")
    assert realm.world.users[ALICE.uid].password == old
    assert door.caller("alice:secret").uid == ALICE.uid
    assert realm.world.users[ALICE.uid].password == "hash of secret"
    assert door.caller("alice:secret").uid == ALICE.uid
    Door(realm).caller("alice:secret")


def test_a_directory_is_asked(realm: Realm) -> None:
    becomes(realm, ALICE.uid, "ldap", "uid=alice,dc=org")
    asked: list[tuple[str, str]] = []

    def directory(who: str, password: str) -> bool:
        asked.append((who, password))
        return password == "right"

    door = Door(realm, Trust(directory=directory))
    door.shut("alice:wrong")
    door.shut("alice:")
    assert door.caller("alice:right").uid == ALICE.uid
    assert door.caller("alice:right").uid == ALICE.uid
    assert asked == [("uid=alice,dc=org", "wrong"), ("uid=alice,dc=org", "right")]


# ---- guessing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["alice", "nobody"])
def test_guessing_becomes_slow(realm: Realm, who: str) -> None:
    """After some wrong answers nothing is even looked at for a while, whether the name is somebody's or not."""
    door = Door(realm)
    for number in range(FREE):
        door.shut(f"{who}:guess {number}")
    looked = door.asked
    for number in range(1000):
        door.shut(f"{who}:guess {number}")
    assert door.asked == looked
    for _ in range(10):
        realm.clock.now += LONGEST
        door.shut(f"{who}:again")
        door.shut(f"{who}:at once")
    assert door.asked == looked + 10


def at(door: Door, address: str, session: str) -> bool:
    """Is somebody at an address let in?"""
    with audit.answering(audit.Call("rest", address, "GET /api/v1/vms", True)):
        try:
            return bool(door.caller(session).name)
        except Refusal:
            return False


def test_guessing_a_little_at_each_of_many_names_becomes_slow_too(realm: Realm) -> None:
    """It is counted by address as well; others, and who is in already, are not held up."""
    realm.do(lambda tx: users.passwd(tx, ADMIN, ALICE.uid, "hash of secret"))
    door = Door(realm)
    assert at(door, "192.0.2.7:1", "alice:secret")
    for number in range(FREE_THERE):
        assert not at(door, f"192.0.2.7:{number}", f"user{number}:guess")
    looked = door.asked
    for number in range(100):
        assert not at(door, f"192.0.2.7:{number}", f"other{number}:guess")
    assert door.asked == looked
    assert not at(door, "192.0.2.7:5", "oneadmin:secret-of-oneadmin")
    assert at(door, "192.0.2.7:6", "alice:secret")
    assert not at(door, "192.0.2.8:1", "bob:guess") and door.asked == looked + 1
    realm.clock.now += LONGEST_THERE
    assert not at(door, "192.0.2.7:7", "last:guess") and door.asked == looked + 2


@pytest.mark.parametrize(
    ("peer", "found"),
    [
        ("192.0.2.7:4711", "192.0.2.7/32"),
        ("2001:db8:1:2:3::4:4711", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7:4711", "192.0.2.7/32"),
        ("127.0.0.1:1", ""),
        ("::1:4711", ""),
        ("-", ""),
        ("", ""),
    ],
)
def test_whose_guesses_are_counted_together(peer: str, found: str) -> None:
    assert origin(peer) == found


def test_who_is_in_stays_in_while_others_guess(realm: Realm) -> None:
    realm.do(lambda tx: users.passwd(tx, ADMIN, ALICE.uid, "hash of secret"))
    door = Door(realm)
    door.caller("alice:secret")
    for number in range(50):
        door.shut(f"alice:guess {number}")
    assert door.caller("alice:secret").uid == ALICE.uid
    realm.clock.now += LONGEST
    assert Door(realm).caller("alice:secret").uid == ALICE.uid


def test_being_right_clears_the_account(realm: Realm) -> None:
    realm.do(lambda tx: users.passwd(tx, ADMIN, ALICE.uid, "hash of secret"))
    door = Door(realm)
    for _ in range(3):
        for number in range(FREE - 1):
            door.shut(f"alice:guess {number}")
        realm.clock.now += 1000.0
        door.caller("alice:secret")
