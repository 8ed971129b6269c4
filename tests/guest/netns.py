"""A network namespace of a test's own: sockets and commands in it, everything gone at the end."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Self, TypeVar

CLONE_NEWNET = 0x40000000
T = TypeVar("T")


class NetworkNamespace:
    """`with NetworkNamespace(name)`: made by `ip netns`, with its loopback up."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> Self:
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.run("ip", "link", "set", "lo", "up")
        return self

    def __exit__(self, *exc: object) -> None:
        subprocess.run(["ip", "netns", "del", self.name], check=True)

    def command(self, *arguments: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *arguments]

    def run(self, *arguments: str) -> str:
        """Standard output of a command run inside; fails when the command does."""
        done = subprocess.run(self.command(*arguments), check=True, capture_output=True, text=True)
        return done.stdout

    def add_tap(self, name: str, *addresses: str) -> None:
        self.run("ip", "tuntap", "add", name, "mode", "tap")
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            self.run("ip", "addr", "add", address, "dev", name, *nodad)
        self.run("ip", "link", "set", name, "up")

    def connect(self, address: str, port: int, timeout: float = 10) -> socket.socket:
        return self._inside(lambda: socket.create_connection((address, port), timeout))

    def listen(self, address: str, port: int) -> socket.socket:
        return self._inside(lambda: socket.create_server((address, port)))

    def get(self, address: str, path: str) -> str:
        """The body of an HTTP answer; an error status is an OSError, as no answer is."""
        connection = HTTPConnection(address, 80, timeout=10)
        connection.sock = self.connect(address, 80)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            raise OSError(f"http://{address}{path} answered {answer.status}")
        return text

    def _inside(self, make: Callable[[], T]) -> T:
        """Run `make` in a thread that entered the namespace: a socket stays where it was made."""
        results: list[T] = []
        failures: list[Exception] = []

        def enter() -> None:
            try:
                enter_network_namespace(f"/run/netns/{self.name}")
                results.append(make())
            except Exception as error:
                failures.append(error)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]
        return results[0]


def enter_network_namespace(path: str) -> None:
    """Move the calling thread (only it) to the namespace, as os.setns does from Python 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(path, os.O_RDONLY)
    try:
        if libc.setns(handle, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns", path)
    finally:
        os.close(handle)
