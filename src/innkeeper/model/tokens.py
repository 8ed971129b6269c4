"""Tokens by which guests prove which VM they are (spec: drivers-and-context.md, OneGate)."""

import base64
from typing import Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

#: Where a user's template keeps the key of the tokens of the VMs that he creates.
KEY: Final = "TOKEN_PASSWORD"


def guest_token(key: str, vm: int, started: int) -> str:
    """One line of base64: AES-256-CBC, a vector of zeros, the key's first 32 characters."""
    padder = padding.PKCS7(128).padder()
    padded = padder.update(f"{vm}:{started}".encode()) + padder.finalize()
    cipher = Cipher(algorithms.AES(key[:32].encode()), modes.CBC(bytes(16))).encryptor()
    return base64.b64encode(cipher.update(padded) + cipher.finalize()).decode()
