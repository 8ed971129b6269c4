"""Chromium without a window, driven by its DevTools protocol."""

import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from tests.real.zone import wait_for

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)  # fmt: skip


class Browser:
    """One browser with one page. `problems` are what its console and its policies complained about."""

    def __init__(self) -> None:
        self._profile = Path(tempfile.mkdtemp(prefix="inn-browser-", dir="/var/tmp"))
        command = ["chromium", *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._numbers = itertools.count(1)
        self.problems: list[str] = []
        self._stack = contextlib.ExitStack()
        self._socket = self._stack.enter_context(connect(self._address(), max_size=None))
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def _address(self) -> str:
        """Where the page is driven from."""
        said = self._profile / "DevToolsActivePort"
        wait_for(lambda: said.exists() and "\n" in said.read_text(), "the browser is up")
        port = int(said.read_text().split()[0])

        def page() -> str | None:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as reply:
                targets = json.loads(reply.read())
            pages = [target for target in targets if target["type"] == "page"]
            return pages[0]["webSocketDebuggerUrl"] if pages else None

        return wait_for(page, "the browser's page")

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """A command of the protocol, and its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": arguments}))
        while True:
            message = json.loads(self._socket.recv(timeout=120))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(parameters["exceptionDetails"]))
        elif message["method"] == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.problems.append(parameters["entry"]["text"])

    def open(self, url: str) -> None:
        # Two pages that differ in their fragment are one: leave the old one first.
        for address in ("about:blank", url):
            self.call("Page.navigate", url=address)

    def value(self, expression: str) -> Any:
        """What an expression is in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    def type(self, text: str) -> None:
        """Keys, one after the other."""
        for letter in text:
            key, code = ("Enter", 13) if letter == "\n" else (letter, ord(letter.upper()))
            word = "\r" if letter == "\n" else letter
            common = {"key": key, "code": _code(letter), "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", type="keyDown", text=word, **common)
            self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def close(self) -> None:
        self._stack.close()
        self._process.terminate()
        self._process.wait(60)
        shutil.rmtree(self._profile, ignore_errors=True)


def _code(letter: str) -> str:
    """Where the key is on the keyboard, as browsers call it."""
    if letter.isalpha():
        return f"Key{letter.upper()}"
    if letter.isdigit():
        return f"Digit{letter}"
    return {"\n": "Enter", " ": "Space", "-": "Minus", "/": "Slash", ".": "Period"}[letter]
