"""A real Ceph on this (private) machine: one monitor, one manager, one OSD on a sparse file, cephx on.

Everything of it lies in one folder and ends with its processes. Pool `one` is for datastores; the client `libvirt`
may use that pool alone, as Ceph's documentation advises for QEMU.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Debian packages: Ceph itself, and QEMU's way to it.
PACKAGES = ("ceph-mon", "ceph-osd", "ceph-mgr", "ceph-common", "qemu-block-extra")
POOL, USER = "one", "libvirt"

_CONFIG = """
[global]
fsid = {fsid}
mon host = [v2:{address}:3300,v1:{address}:6789]
public addr = {address}
keyring = {folder}/keyring
run dir = {folder}
pid file = {folder}/$name.pid
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
setuser match path = none
mon allow pool size one = true
mon allow pool delete = true
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
osd pool default pg autoscale mode = off
mon warn on pool no redundancy = false
auth allow insecure global id reclaim = false
[mon]
mon data = {folder}/mon
mon data avail crit = 1
[mgr]
mgr data = {folder}/mgr
mgr initial modules =
[osd]
osd data = {folder}/osd
osd memory target = 939524096
bluestore block size = 4294967296
bluestore cache size = 67108864
"""


def missing_packages() -> list[str]:
    """Those that this machine lacks."""
    asked = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *PACKAGES]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    there = {line.split()[1] for line in said.splitlines() if line.startswith("installed ")}
    return sorted(set(PACKAGES) - there)


class Ceph:
    """The cluster. `address` is the monitor's, of this machine."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address
        self.config = folder / "ceph.conf"
        self.key = ""
        self.seconds = 0.0

    def __enter__(self) -> "Ceph":
        began = time.monotonic()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        self.seconds = time.monotonic() - began
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, *command: str, stdin: str | None = None) -> str:
        """A command of Ceph's as its administrator; what it said."""
        program, *words = command
        done = subprocess.run(
            [program, "-c", str(self.config), *words],
            input=stdin, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-2000:]}"
        return done.stdout

    def _start(self) -> None:
        for part in ("mon", "mgr", "osd"):
            (self.folder / part).mkdir(parents=True)
        fsid = str(uuid.uuid4())
        self.config.write_text(_CONFIG.format(fsid=fsid, address=self.address, folder=self.folder))
        self._start_monitor(fsid)
        keyring = self.run(
            "ceph", "auth", "get-or-create", "mgr.a", "mon", "allow profile mgr", "osd", "allow *"
        )
        (self.folder / "mgr" / "keyring").write_text(keyring)
        self.run("ceph-mgr", "-i", "a", "--keyring", f"{self.folder}/mgr/keyring")
        self._start_osd()
        self.run("ceph", "osd", "pool", "create", POOL, "8", "8")
        self.run("rbd", "pool", "init", POOL)
        self.key = self.new_user(USER, POOL)
        deadline = time.monotonic() + 120
        while not self._is_measured() and time.monotonic() < deadline:
            time.sleep(0.2)

    def _start_monitor(self, fsid: str) -> None:
        admin, own = self.folder / "keyring", self.folder / "mon.keyring"
        tool = ["ceph-authtool", "--create-keyring", "--gen-key"]
        everything = [word for kind in ("mon", "osd", "mgr") for word in ("--cap", kind, "allow *")]
        subprocess.run(
            [*tool, admin, "-n", "client.admin", *everything], check=True, capture_output=True
        )
        subprocess.run(
            [*tool, own, "-n", "mon.", "--cap", "mon", "allow *"], check=True, capture_output=True
        )
        subprocess.run(
            ["ceph-authtool", own, "--import-keyring", admin], check=True, capture_output=True
        )
        map_file = str(self.folder / "monmap")
        at = f"[v2:{self.address}:3300,v1:{self.address}:6789]"
        make = ["monmaptool", "--create", "--addv", "a", at, "--fsid", fsid, map_file]
        subprocess.run(make, check=True, capture_output=True)
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", map_file, "--keyring", str(own))
        self.run("ceph-mon", "-i", "a")

    def _start_osd(self) -> None:
        identity = str(uuid.uuid4())
        generate = ["ceph-authtool", "--gen-print-key"]
        secret = subprocess.run(generate, check=True, capture_output=True, text=True).stdout.strip()
        self.run(
            "ceph", "osd", "new", identity, "-i", "-", stdin=json.dumps({"cephx_secret": secret})
        )
        keyring = f"{self.folder}/osd/keyring"
        Path(keyring).write_text(f"[osd.0]\n\tkey = {secret}\n")
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity, "--keyring", keyring)
        self.run("ceph-osd", "-i", "0", "--keyring", keyring)

    def _is_measured(self) -> bool:
        """Does Ceph tell yet how full its pool is?"""
        pools = json.loads(self.run("ceph", "df", "--format", "json"))["pools"]
        return any(pool["name"] == POOL and pool["stats"]["max_avail"] for pool in pools)

    def new_user(self, name: str, pool: str) -> str:
        """A client that may use RBD in one pool; its key."""
        caps = [
            "mon",
            "profile rbd",
            "osd",
            f"profile rbd pool={pool}",
            "mgr",
            f"profile rbd pool={pool}",
        ]
        made = self.run(
            "ceph", "auth", "get-or-create", f"client.{name}", *caps, "--format", "json"
        )
        found: list[dict[str, Any]] = json.loads(made)
        return str(found[0]["key"])

    def images(self) -> list[str]:
        """What lies in the pool, deleted or not."""
        listed = json.loads(self.run("rbd", "ls", POOL, "--format", "json"))
        trash = json.loads(self.run("rbd", "trash", "ls", POOL, "--format", "json"))
        return sorted([*listed, *(each["name"] for each in trash)])

    def stop(self) -> None:
        """Ends its processes, and waits until they are gone."""
        processes = [int(file.read_text()) for file in self.folder.glob("*.pid")]
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while any(_lives(process) for process in processes) and time.monotonic() < deadline:
            time.sleep(0.05)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """The monitor answers nobody meanwhile."""
        process = int((self.folder / "mon.a.pid").read_text())
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
