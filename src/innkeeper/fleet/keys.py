"""Who we are to a host, and who it is to us: our SSH key, and the keys that hosts are known by.

A host whose key is not known yet is taken at its word the first time; from then on its key must stay the same.
`known_hosts` is OpenSSH's format (sshd(8)), so that an administrator may fill it with `ssh-keyscan`, certificate
authorities and hashed names as well.
"""

import os
from pathlib import Path

import asyncssh

PORT = 22


def ensure_key(path: Path) -> None:
    """Makes our key, and `path`.pub beside it for the hosts, unless it is there. Raises OSError."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = asyncssh.generate_private_key("ssh-ed25519", comment="innkeeper")
    path.with_name(path.name + ".pub").write_bytes(key.export_public_key("openssh"))
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.export_private_key("openssh"))
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


class KnownHosts:
    """The file in which hosts' keys are kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def of(self, name: str, port: int) -> asyncssh.SSHKnownHosts | None:
        """The file's content, if it says anything about this host; else None. Raises OSError."""
        try:
            known = asyncssh.import_known_hosts(self.path.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise OSError(f"{self.path}: {error}") from None
        said = known.match(name, "", None if port == PORT else port)
        return known if any(said) else None

    def learn(self, name: str, port: int, key: asyncssh.SSHKey) -> None:
        """Adds a host's key. Raises OSError."""
        entry = name if port == PORT else f"[{name}]:{port}"
        line = f"{entry} {key.export_public_key('openssh').decode().strip()}\n"
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            if file.tell() and _last_byte(self.path) != b"\n":
                line = "\n" + line
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read()


class Doorkeeper(asyncssh.SSHClient):
    """Is asked about host keys that are not known; remembers what came, for the reason."""

    offered: asyncssh.SSHKey | None = None

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        """No: a host that is known by one key may not show another."""
        self.offered = key
        return False
