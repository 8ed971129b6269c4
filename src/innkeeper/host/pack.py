"""Packs the agent into one file that a host's own ``python3`` runs: ``python3 agent.pyz``.

The same sources give the same bytes, so the hash of the file says which agent a host has.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

#: The name that the package has inside the file; its imports among itself are relative.
PACKAGE = "innkeeper_agent"
_MAIN = f"from {PACKAGE}.__main__ import main\n\nmain()\n"
#: The oldest time that a zip file can hold.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def build(path: Path) -> Path:
    """Writes the agent to ``path`` and gives that path back. One that runs is not disturbed."""
    package = Path(__file__).parent
    files = {
        f"{PACKAGE}/{source.relative_to(package).as_posix()}": source.read_bytes()
        for source in package.rglob("*.py")
    }
    files["__main__.py"] = _MAIN.encode()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as out:
        out.write(b"#!/usr/bin/python3\n")
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(files):
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, files[name])
    part.chmod(0o755)
    return part.replace(path)
