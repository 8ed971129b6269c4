"""The daemon that is measured: in a process of its own, with its figures read from outside."""

import os
import subprocess
import sys
import time
import urllib.request
import xmlrpc.client
from pathlib import Path
from typing import Any

PASSWORD = "bench"
SESSION = f"oneadmin:{PASSWORD}"


class Daemon:
    """The real daemon, as users start it, on simulated hosts that are monitored every `interval` seconds."""

    def __init__(self, data: Path, interval: int = 5) -> None:
        self.data = data
        self.database = data / "db" / "innkeeper.db"
        settings = data / "innkeeper.toml"
        settings.write_text(f'[log]\nlevel = "warning"\n[monitoring]\ninterval = {interval}\n')
        self.start()

    def start(self) -> None:
        """Starts it on what is in its folder; returns when it serves."""
        endpoint = self.data / "run" / "endpoint"
        endpoint.unlink(missing_ok=True)
        self.log = (self.data / "log.txt").open("ab")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "innkeeper.daemon", "--simulate"),
                *("--data", self.data, "--listen", "127.0.0.1:0"),
            ],
            env={**os.environ, "INN_ADMIN_PASSWORD": PASSWORD},
            stdout=self.log,
            stderr=self.log,
        )
        while not endpoint.exists():
            if self.process.poll() is not None:
                raise SystemExit((self.data / "log.txt").read_text())
            time.sleep(0.01)
        self.url = endpoint.read_text().strip()
        self.rpc = f"{self.url}/RPC2"
        self.proxy = xmlrpc.client.ServerProxy(self.rpc)

    def call(self, method: str, *params: Any) -> Any:
        answer = getattr(self.proxy, f"one.{method}")(SESSION, *params)
        if not answer[0]:
            raise SystemExit(f"one.{method}: {answer[1]}")
        return answer[1]

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"{self.url}/metrics") as reply:
            for line in reply.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[-1])
        return 0.0

    def cpu(self) -> float:
        """CPU seconds that the daemon has used."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident memory in MB, now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return (
            next(int(li.split()[1]) for li in status.splitlines() if li.startswith("VmRSS")) / 1000
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.log.close()
