"""The link to the agent on this machine: a child process."""

import asyncio
import logging
import os
import shutil
from pathlib import Path

from .link import LINE_LIMIT, OnEvent, StreamLink

log = logging.getLogger(__name__)

#: The distribution's own Python: it is the one that has the libvirt bindings.
PYTHON = "/usr/bin/python3"


async def open_local(agent: Path, log_file: Path, on_event: OnEvent) -> StreamLink:
    """Starts the agent as a child of ours; it ends when its standard input closes."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            PYTHON,
            str(agent),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=LINE_LIMIT,
            start_new_session=True,
            env={"PATH": os.defpath + ":/usr/sbin:/sbin:/usr/local/sbin", "LC_ALL": "C.UTF-8"},
        )

    async def close() -> None:
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            log.warning("the agent (pid %d) did not end by itself", process.pid)
            process.kill()
            await process.wait()

    async def upload(source: str, target: str) -> None:
        await asyncio.to_thread(copy_beside, Path(source), Path(target))

    return StreamLink(process.stdout, process.stdin, on_event, close, upload)


def copy_beside(source: Path, target: Path) -> None:
    """Copies a file so that the target is there whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    shutil.copyfile(source, part)
    part.rename(target)
