"""TLS of the endpoints: the certificate that is given, or one that the front end makes for itself."""

import datetime
import ipaddress
import os
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from innkeeper.daemon.settings import SettingsError, Tls

if TYPE_CHECKING:
    from cryptography import x509

#: How long a certificate made here is valid: a front end outlives years, and who trusts it trusts this very one.
VALID = datetime.timedelta(days=3650)


def context(given: Tls, data: Path, listen: str) -> ssl.SSLContext | None:
    """What the listener needs; None without TLS. `listen` is the address that clients come to."""
    if not given.on:
        return None
    if bool(given.certificate) != bool(given.key):
        missing = "key" if given.certificate else "certificate"
        raise SettingsError(
            f"tls.{missing} is missing: tls.certificate and tls.key belong together"
        )
    certificate, key = Path(given.certificate), Path(given.key)
    if not given.certificate:
        certificate, key = own_certificate(data / "tls", names_for(listen))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        text = getattr(error, "reason", None) or error.strerror or error
        raise SettingsError(f"tls: {certificate} with {key} cannot be used: {text}") from None
    return made


def names_for(listen: str) -> list[str]:
    """Names and addresses of this machine that a client may call it by."""
    names = [listen, socket.gethostname(), socket.getfqdn(), "localhost", "127.0.0.1", "::1"]
    return [name for name in dict.fromkeys(names) if name not in ("", "0.0.0.0", "::")]  # noqa: S104


def own_certificate(folder: Path, names: list[str]) -> tuple[Path, Path]:
    """The certificate and key of this front end (ECDSA P-256, signed by itself), made when they are not there.

    The key is written first: a certificate that is there has its key.
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if not certificate.exists():
        folder.mkdir(mode=0o755, exist_ok=True)
        shown, secret = _make(names)
        _write(key, secret, 0o600)
        _write(certificate, shown, 0o644)
    return certificate, key


def _make(names: list[str]) -> tuple[bytes, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + VALID)
        .add_extension(
            x509.SubjectAlternativeName([_alternative(n) for n in names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _alternative(name: str) -> "x509.GeneralName":
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes, mode: int) -> None:
    part = path.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
