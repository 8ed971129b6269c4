"""Passwords as OpenNebula kept them: hexadecimal SHA-256, before that SHA-1. They are only read, once."""

import hashlib
import hmac
import re

_DIGESTS = {40: hashlib.sha1, 64: hashlib.sha256}


def is_old(stored: str) -> bool:
    """Is it such a hash?"""
    return len(stored) in _DIGESTS and re.fullmatch("[0-9a-f]+", stored) is not None


def matches(stored: str, secret: str) -> bool:
    """Is it the password's?"""
    made = _DIGESTS[len(stored)](secret.encode()).hexdigest()
    return hmac.compare_digest(made, stored)
