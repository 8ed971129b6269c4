"""How passwords are stored: argon2id at the cost that OWASP recommends (19 MiB, t=2, p=1)."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class Argon2Passwords:
    """argon2id; a check takes some tens of milliseconds and 19 MiB, so it runs beside the event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

    def hash(self, password: str) -> str:
        """The text to store."""
        return self._hasher.hash(password)

    def verify(self, stored: str, password: str) -> bool:
        """Is it the password?"""
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
