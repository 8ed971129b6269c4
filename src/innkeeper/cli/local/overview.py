"""What `inn status` shows."""

from __future__ import annotations

import pwd
import shutil
import subprocess
from collections import Counter
from typing import Any

from innkeeper import __version__
from innkeeper.cli import document
from innkeeper.cli.client import Client
from innkeeper.cli.document import text_at
from innkeeper.cli.local import objects, process
from innkeeper.cli.local.folder import DataFolder, size_in_bytes
from innkeeper.cli.names import pool_members

_TOOLS = {
    "qemu": ["qemu-system-x86_64", "--version"],
    "libvirt": ["libvirtd", "--version"],
}


def of(folder: DataFolder, listen: str, client: Client | None) -> dict[str, Any]:
    """Everything, as JSON data; without a client (nobody answers) what can be seen without one."""
    view: dict[str, Any] = {
        "daemon": {
            "pid": (pid := process.running_pid(folder)),
            "user": _user_name(pid),
            "answers": process.answers(folder, listen),
            "endpoint": f"{process.endpoint(folder, listen)}/RPC2",
        },
        "hosts": [],
        "vms": {},
        "versions": _versions(client),
        "folder": str(folder.root),
        "bytes": _sizes(folder),
    }
    if client is not None:
        view["hosts"] = _hosts(client)
        view["vms"] = _vms(client)
    return view


def _user_name(pid: int | None) -> str | None:
    uid = None if pid is None else process.user_of(pid)
    try:
        return None if uid is None else pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _hosts(client: Client) -> list[dict[str, Any]]:
    return [
        {
            "name": text_at(host, "NAME"),
            "state": document.state_name(host),
            "vms": int(text_at(host, "HOST_SHARE/RUNNING_VMS") or 0),
            "error": text_at(host, "TEMPLATE/ERROR"),
        }
        for host in pool_members(client, objects.HOST)
    ]


def _vms(client: Client) -> dict[str, int]:
    return dict(Counter(document.state_name(vm) for vm in pool_members(client, objects.VM)))


def _versions(client: Client | None) -> dict[str, str]:
    versions = {"innkeeper": __version__}
    if client is not None:
        versions["opennebula_api"] = str(client.api.pages.version()["opennebula"])
    for name, command in _TOOLS.items():
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True)
            versions[name] = _version_in(done.stdout)
    return versions


def _version_in(text: str) -> str:
    """The first word that begins with a digit."""
    return next((word for word in text.split() if word[0].isdigit()), "unknown")


def _sizes(folder: DataFolder) -> dict[str, int]:
    if not folder.root.is_dir():
        return {}
    return {
        path.name: size_in_bytes(path) for path in sorted(folder.root.iterdir()) if path.is_dir()
    }


def as_text(view: dict[str, Any]) -> str:
    """The same for people."""
    daemon = view["daemon"]
    lines = [f"front end  {_daemon_line(daemon)}", f"endpoint   {daemon['endpoint']}"]
    for host in view["hosts"]:
        error = f": {host['error']}" if host["error"] else ""
        lines.append(f"host       {host['name']} {host['state']}, {host['vms']} VMs{error}")
    if view["vms"]:
        lines.append(
            "VMs        " + ", ".join(f"{count} {name}" for name, count in view["vms"].items())
        )
    lines.append(
        "versions   " + ", ".join(f"{name} {value}" for name, value in view["versions"].items())
    )
    lines.append(f"data       {view['folder']}")
    lines += [f"           {name:<11}{_mebibytes(size)}" for name, size in view["bytes"].items()]
    return "\n".join(lines)


def _daemon_line(daemon: dict[str, Any]) -> str:
    where = (
        f"process {daemon['pid']} of {daemon['user']}"
        if daemon["pid"]
        else "no process of this folder"
    )
    return f"{'answers' if daemon['answers'] else 'does not answer'} ({where})"


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:9.1f} MiB"
