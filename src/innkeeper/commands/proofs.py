"""What users show who have no password here: signatures by a key or certificate, tokens of servers that act for them.

The formats are those of OpenNebula's clients (its ruby authentication drivers): an RSA private key is applied to a text
(PKCS #1 v1.5, no digest), so that the public key gives the text back. What OpenNebula does not check is checked here:
that a server's token names the user for whom it is used, and that who issued a certificate is an authority.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.oid import NameOID

#: Whatever a client sends may be wrong in any of these ways.
_WRONG = (ValueError, TypeError, binascii.Error, InvalidSignature, x509.ExtensionNotFound)
#: How names of certificates are written, as OpenSSL does in one line.
_SHORT = {
    NameOID.COUNTRY_NAME: "C", NameOID.STATE_OR_PROVINCE_NAME: "ST", NameOID.LOCALITY_NAME: "L",
    NameOID.ORGANIZATION_NAME: "O", NameOID.ORGANIZATIONAL_UNIT_NAME: "OU", NameOID.COMMON_NAME: "CN",
    NameOID.EMAIL_ADDRESS: "emailAddress", NameOID.DOMAIN_COMPONENT: "DC", NameOID.USER_ID: "UID",
    NameOID.SERIAL_NUMBER: "serialNumber", NameOID.GIVEN_NAME: "GN", NameOID.SURNAME: "SN",
}  # fmt: skip
#: Bytes of a proof at most, and certificates in a chain.
LONGEST, LONGEST_CHAIN = 32 * 1024, 8


def by_ssh_key(stored: str, name: str, secret: str, now: float) -> bool:
    """Does the key that is kept (an RSA public key: base64 of its DER form) say `name:expiry`?"""
    try:
        key = load_der_public_key(base64.b64decode(stored))
        return _timely(_recovered(key, _decoded(secret)).split(":"), [name], now)
    except _WRONG:
        return False


def by_certificate(
    stored: str, name: str, secret: str, now: float, authorities: Sequence[x509.Certificate]
) -> bool:
    """Does a certificate of one of the names that are kept (`/O=x/CN=y`, several with |) say `name:expiry`?

    The certificate comes with the proof, and up to an authority that is trusted everybody in the chain is one.
    """
    try:
        signed, *pem = _decoded(secret).decode("ascii").split(":")
        chain = [x509.load_pem_x509_certificate(each.encode()) for each in pem[:LONGEST_CHAIN]]
        if distinguished_name(chain[0].subject) not in stored.split("|"):
            return False
        said = _recovered(chain[0].public_key(), _decoded(signed)).split(":")
        return _timely(said, [name], now) and _trusted(chain, authorities, now)
    except (*_WRONG, IndexError):
        return False


def by_server_cipher(stored: str, server: str, target: str, token: str, now: float) -> float:
    """Until when a server, which has encrypted `server:user:expiry`, may act for a user (epoch; 0: not at all)."""
    try:
        key = stored[:32].encode()
        cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor()
        padded = cipher.update(_decoded(token)) + cipher.finalize()
        unpadder = padding.PKCS7(128).unpadder()
        said = (unpadder.update(padded) + unpadder.finalize()).decode().split(":")
        return float(said[-1]) if _timely(said, [server, target], now) else 0.0
    except _WRONG:
        return 0.0


def by_server_certificate(
    stored: str, server: str, target: str, token: str, now: float, own: x509.Certificate | None
) -> float:
    """The same, signed by the key of the certificate that servers and this front end share."""
    try:
        if own is None or distinguished_name(own.subject) != stored:
            return 0.0
        said = _recovered(own.public_key(), _decoded(_decoded(token).decode("ascii"))).split(":")
        return float(said[-1]) if _timely(said, [server, target], now) else 0.0
    except _WRONG:
        return 0.0


def distinguished_name(name: x509.Name) -> str:
    """A certificate's name in one line, without blanks."""
    parts = (
        f"/{_SHORT.get(attribute.oid, attribute.oid.dotted_string)}={attribute.value!s}"
        for attribute in name
    )
    return "".join("".join(parts).split())


def _decoded(text: str) -> bytes:
    if len(text) > LONGEST:
        raise ValueError("too long")
    return base64.b64decode(text, validate=True)


def _recovered(key: object, signature: bytes) -> str:
    if not isinstance(key, RSAPublicKey):
        raise TypeError("no RSA key")
    return key.recover_data_from_signature(signature, PKCS1v15(), None).decode()


def _timely(said: list[str], expected: list[str], now: float) -> bool:
    """Are these the words, with a time behind them that is to come?"""
    *words, expiry = said
    same = len(words) == len(expected) and hmac.compare_digest(
        ":".join(words).encode(), ":".join(expected).encode()
    )
    return same and expiry.isdecimal() and len(expiry) < 16 and int(expiry) > now


# ---- authorities ------------------------------------------------------------------------------


def _trusted(
    chain: list[x509.Certificate], authorities: Sequence[x509.Certificate], now: float
) -> bool:
    """Does each certificate come from the next, which may issue some, and the last from a trusted authority?"""
    at = datetime.fromtimestamp(now, UTC)
    if not all(_in_time(certificate, at) for certificate in chain):
        return False
    for issued, issuer in pairwise(chain):
        if not _issues(issuer):
            return False
        issued.verify_directly_issued_by(issuer)
    return any(_comes_from(chain[-1], authority, at) for authority in authorities)


def _comes_from(issued: x509.Certificate, authority: x509.Certificate, at: datetime) -> bool:
    if not (_in_time(authority, at) and _issues(authority)):
        return False
    try:
        issued.verify_directly_issued_by(authority)
    except _WRONG:
        return False
    return True


def _in_time(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _issues(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
