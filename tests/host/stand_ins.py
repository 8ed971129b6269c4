"""Stand-ins for guests: network namespaces whose interface is plugged into a bridge as a guest's would be."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from tests.host.client import Message, wait_for
from tests.host.lab import Lab

#: Answers until its input is closed.
_SERVER = """
import select, socket
server = socket.create_server(('', {port}), family={family})
print(flush=True)
while server in select.select([server, 0], [], [])[0]:
    client = server.accept()[0]
    client.sendall(b'hello')
    client.close()
"""
_CLIENT = "import socket;s=socket.create_connection(('{address}',{port}),2);print(s.recv(9))"


class StandIn:
    """Something that sends packets from a guest's interface."""

    def __init__(
        self, lab: Lab, vm: int, bridge: str, ip: str, mac: str, on: tuple[str, ...] = ()
    ) -> None:
        """`on` names another network namespace than the host's own: ("-n", name)."""
        self.lab, self.vm, self.bridge, self.ip, self.mac, self.on = lab, vm, bridge, ip, mac, on
        self.interface, self.space = f"one-{vm}-0", f"guest{vm}"

    def plug_in(self) -> None:
        """As a hypervisor does when the guest starts."""
        run, inner = self.lab.run, f"in-{self.vm}"
        run("ip", "netns", "add", self.space)
        run("ip", *self.on, "link", "add", self.interface, "type", "veth", "peer", "name", inner,
            "address", self.mac, "netns", self.space)  # fmt: skip
        run("ip", *self.on, "link", "set", self.interface, "master", self.bridge, "up")
        self.run("ip", "link", "set", inner, "name", "eth0")
        for device in ("lo", "eth0"):
            self.run("ip", "link", "set", device, "up")
        self.add_address(self.ip)

    def pull_out(self) -> None:
        self.lab.run("ip", "netns", "delete", self.space)
        wait_for(
            lambda: self.interface not in self.lab.run("ip", *self.on, "-o", "link"), "it is gone"
        )

    def add_address(self, ip: str) -> None:
        length, more = ("64", ["nodad"]) if ":" in ip else ("24", [])
        self.run("ip", "address", "add", f"{ip}/{length}", "dev", "eth0", *more)

    def run(self, *command: str) -> str:
        return self.lab.run("ip", "netns", "exec", self.space, *command)

    def does(self, *command: str) -> bool:
        """Whether a command succeeds in there."""
        with contextlib.suppress(RuntimeError):
            self.run(*command)
            return True
        return False

    def pings(self, address: str, *options: str) -> bool:
        return self.does("ping", "-c", "2", "-i", "0.3", "-W", "1", *options, address)

    def connects(self, address: str, port: int) -> bool:
        return self.does("python3", "-c", _CLIENT.format(address=address, port=port))

    @contextlib.contextmanager
    def serving(self, port: int, family: str = "socket.AF_INET") -> Iterator[None]:
        """Answers connections to a port meanwhile."""
        code = _SERVER.format(port=port, family=family)
        command = self.lab.command("ip", "netns", "exec", self.space, "python3", "-c", code)
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert server.stdin is not None and server.stdout is not None
        server.stdout.readline()
        try:
            yield
        finally:
            server.stdin.close()
            server.wait()
            server.stdout.close()

    def nic(self, network: int, rules: list[Message] | None = None, **more: object) -> Message:
        """How the front end describes its NIC."""
        return {
            "nic": 0,
            "network": network,
            "interface": self.interface,
            "bridge": self.bridge,
            "mac": self.mac,
            "addresses": [self.ip],
            "filter_mac": False,
            "filter_ip": False,
            "rules": rules,
            **more,
        }


@contextlib.contextmanager
def plugged_in(*guests: StandIn) -> Iterator[None]:
    """Plugs stand-ins in, and out again."""
    with contextlib.ExitStack() as stack:
        for guest in guests:
            guest.plug_in()
            stack.callback(guest.pull_out)
        yield


def rule(direction: str, protocol: str, **more: object) -> Message:
    """A rule as the front end describes it."""
    return {
        "direction": direction,
        "protocol": protocol,
        "ports": None,
        "type": None,
        "peers": None,
        **more,
    }
