"""The agent: runs alone on a host; standard library and libvirt only.

What it promises is written in ``docs/agent-protocol.md``.
"""

#: The version of the protocol and of the agent, told in the answer to ``hello``.
PROTOCOL = 1
VERSION = "0.1.0"
