"""The real daemon as a process of its own, on a free port."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
import xmlrpc.client
from pathlib import Path
from typing import Any, Self


class Daemon:
    """Started with a data folder; killed at the end if it is still there."""

    def __init__(self, data: Path, *options: str, password: str = "pw") -> None:
        environment = {**os.environ, "INN_ADMIN_PASSWORD": password}
        self.data = data
        self.log = data.with_name(data.name + ".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "innkeeper.daemon",
                    "--data",
                    data,
                    "--listen",
                    "127.0.0.1:0",
                    *options,
                ],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def ready(self) -> str:
        """The endpoint, once it is there."""
        endpoint = self.data / "run" / "endpoint"
        deadline = time.monotonic() + 60
        while not endpoint.exists():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        return endpoint.read_text().strip()

    def call(self, method: str, *params: Any, session: str = "oneadmin:pw") -> list[Any]:
        with xmlrpc.client.ServerProxy(f"{self.ready()}/RPC2") as proxy:
            answer: list[Any] = getattr(proxy, method)(session, *params)
        return answer

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.ready() + path, timeout=10) as reply:
            content: bytes = reply.read()
            return content

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)
