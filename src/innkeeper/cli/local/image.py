"""The small guest's image and the key to log in to it, made on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from innkeeper.cli.errors import CliError
from innkeeper.cli.local.account import Account
from innkeeper.cli.local.folder import DataFolder
from innkeeper.cli.local.progress import Progress
from innkeeper.cli.session import read_unfollowed

# The builder comes with the source tree; a data folder may also be given a finished image.
_BUILDER = Path(__file__).resolve().parents[4] / "guest" / "build-image.sh"


def ensure_image(folder: DataFolder, progress: Progress) -> None:
    """Build the small guest unless the data folder holds it."""
    if folder.guest_image.exists():
        return
    if not _BUILDER.exists():
        raise CliError(
            f"there is no guest image at {folder.guest_image}, and nothing to build it with:"
            f" {_BUILDER} comes with the source tree only (put a bootable qcow2 image there)"
        )
    progress.say(f"building the small guest image {folder.guest_image}")
    folder.guest_image.parent.mkdir(parents=True, exist_ok=True)
    # What the builder keeps for next time would stay behind elsewhere: here the image itself is kept.
    with tempfile.TemporaryDirectory(prefix="build-", dir=folder.guest_image.parent) as cache:
        done = subprocess.run(
            [_BUILDER, folder.guest_image],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={"INN_CACHE": cache, **os.environ},
        )
    if done.returncode != 0:
        raise CliError(f"building the guest image failed: {done.stderr.strip()}")


def ensure_ssh_key(folder: DataFolder, account: Account) -> str:
    """The public key of the pair in the data folder, made at the first call by its user."""
    key = folder.ssh_key
    if not key.exists():
        if not shutil.which("ssh-keygen"):
            raise CliError("no ssh-keygen here: install openssh-client")
        comment = f"innkeeper@{socket.gethostname()}"
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key)]
        subprocess.run(command, check=True, cwd="/", **account.options())
    try:
        return read_unfollowed(key.with_name(key.name + ".pub")).strip()
    except OSError as error:
        raise CliError(f"{key}.pub: {error.strerror}") from error
