"""The key by which other hosts know this root: made once, its public half told in ``hello``."""

from __future__ import annotations

from pathlib import Path

from ..errors import AgentError
from ..tools import run


def key_file(root: Path) -> Path:
    """Where the private half lies."""
    return root / "peer" / "key"


def public_key(root: Path) -> str | None:
    """This root's public key; None where there is no OpenSSH to deal with other hosts."""
    private = key_file(root)
    public = private.with_name("key.pub")
    try:
        if not public.exists():
            private.parent.mkdir(mode=0o700, exist_ok=True)
            private.unlink(missing_ok=True)
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(private))
        return " ".join(public.read_text().split()[:2])
    except AgentError:
        return None
