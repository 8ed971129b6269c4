"""Agents and files over a real sshd."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from innkeeper.fleet import ssh, transfer
from innkeeper.fleet.keys import ensure_key
from innkeeper.fleet.link import LinkLost, StreamLink
from innkeeper.fleet.ssh import open_ssh
from tests.fleet.loops import run_real, until, within
from tests.fleet.sshd import Sshd, needs_sshd

pytestmark = needs_sshd
FAKE = Path(__file__).parent / "fake_agent.py"


@contextlib.asynccontextmanager
async def opened(sshd: Sshd, events: list[Any] | None = None) -> AsyncIterator[StreamLink]:
    """A link to the fake agent at the other end."""
    take = (events if events is not None else []).append
    link = await within(open_ssh(sshd.door, FAKE, sshd.folder / "agent.log", take))
    try:
        yield link
    finally:
        await within(link.close())


async def ask(link: StreamLink, verb: str, **args: Any) -> Any:
    return await within(link.request(verb, args))


async def refusal(sshd: Sshd) -> str:
    """Why no link can be had."""
    with pytest.raises(OSError) as caught:
        async with opened(sshd):
            pass
    return str(caught.value)


async def loss(link: StreamLink, verb: str, **args: Any) -> str:
    """Why the link was lost over a request."""
    with pytest.raises(LinkLost) as caught:
        await ask(link, verb, **args)
    return str(caught.value)


def agents(sshd: Sshd) -> list[int]:
    """The processes of fake agents at the other end."""
    folder = str(sshd.folder / "remote").encode()
    found = []
    for number in sshd.sessions():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
            if len(words) > 1 and words[1].startswith(folder):
                found.append(number)
    return found


# ---- the agent


def test_requests_answers_and_events_as_over_a_pipe(sshd: Sshd) -> None:
    async def main() -> None:
        events: list[Any] = []
        async with opened(sshd, events) as link:
            assert not link.shares_files
            text = "é" * 5000
            answers = await asyncio.gather(*(ask(link, "echo", n=n, text=text) for n in range(300)))
            assert [answer["n"] for answer in answers] == list(range(300))
            await ask(link, "event", message={"event": "domain", "vm": 1})
            assert events == [{"event": "domain", "vm": 1}]
            assert len((await ask(link, "long", bytes=4_000_000))["text"]) == 4_000_000

    run_real(main)


def test_no_home_folder_is_looked_into(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/" + "x" * 300)  # fails for root, too

    async def main() -> None:
        async with opened(sshd) as link:
            assert await ask(link, "echo", text="here")

    run_real(main)


def test_the_agent_ends_with_its_link(sshd: Sshd) -> None:
    async def main() -> None:
        async with opened(sshd) as link:
            await ask(link, "echo")
            assert len(agents(sshd)) == 1
        await until(lambda: not agents(sshd), "the agent has ended")

    run_real(main)


def test_an_agent_that_ends_says_why(sshd: Sshd) -> None:
    async def main() -> None:
        async with opened(sshd) as link:
            why = await loss(link, "quit", status=3, last="ImportError: no libvirt")
            assert why == "the agent ended with exit status 3: ImportError: no libvirt"
        assert "ImportError: no libvirt" in (sshd.folder / "agent.log").read_text()

    run_real(main)


def test_an_agent_that_is_killed(sshd: Sshd) -> None:
    async def main() -> None:
        async with opened(sshd) as link:
            await ask(link, "echo")
            waiting = asyncio.create_task(loss(link, "ignore"))
            os.kill(agents(sshd)[0], signal.SIGKILL)
            assert await waiting == "the agent was killed by SIGKILL"

    run_real(main)


def test_a_connection_that_is_cut(sshd: Sshd) -> None:
    async def main() -> None:
        async with opened(sshd) as link:
            await ask(link, "echo")
            waiting = asyncio.create_task(loss(link, "ignore"))
            await asyncio.sleep(0)
            sshd.cut()
            assert (await waiting).startswith("the SSH connection was lost")
            assert await loss(link, "echo") == await waiting

    run_real(main)


def test_a_connection_that_hangs_can_be_closed(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "FAREWELL", 0.2)

    async def main() -> None:
        async with opened(sshd) as link:
            await ask(link, "echo")
            sessions = sshd.sessions()
            for number in sessions:
                os.kill(number, signal.SIGSTOP)
            asked = [asyncio.create_task(loss(link, "echo", text="x" * 500_000)) for _ in range(8)]
            await asyncio.sleep(0)
            await within(link.close())
            assert await asyncio.gather(*asked) == ["closed"] * 8
            sshd.cut()

    run_real(main)


def test_a_host_without_python(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "PYTHON", "/usr/bin/no-such-python3")

    async def main() -> None:
        async with opened(sshd) as link:
            why = await within(asyncio.shield(link.lost))
            assert "exit status 127" in why and "/usr/bin/no-such-python3" in why

    run_real(main)


def test_the_agent_is_brought_once_and_again_when_it_is_not_whole(sshd: Sshd) -> None:
    async def main() -> None:
        async with opened(sshd):
            pass
        (there,) = (sshd.folder / "remote").iterdir()
        assert there.read_bytes() == FAKE.read_bytes()
        first = there.stat().st_ino
        async with opened(sshd):
            pass
        assert there.stat().st_ino == first
        there.write_bytes(b"")
        async with opened(sshd) as link:
            await ask(link, "echo")
        assert there.read_bytes() == FAKE.read_bytes()
        assert list((sshd.folder / "remote").iterdir()) == [there]

    run_real(main)


# ---- keys


def test_a_host_is_known_by_its_first_key_from_then_on(sshd: Sshd) -> None:
    async def main() -> None:
        async with opened(sshd):
            pass
        known = sshd.known.path.read_text()
        public = (sshd.folder / "host_key.pub").read_text().split()
        assert known == f"[127.0.0.1]:{sshd.port} {public[0]} {public[1]}\n"
        async with opened(sshd):
            pass
        assert sshd.known.path.read_text() == known

    run_real(main)


@pytest.mark.parametrize("hashed", [False, True])
def test_a_host_with_another_key_is_refused_and_told_why(sshd: Sshd, hashed: bool) -> None:
    async def main() -> None:
        async with opened(sshd):
            pass
        if hashed:
            subprocess.run(["ssh-keygen", "-q", "-H", "-f", sshd.known.path], check=True, stderr=-3)
            assert "127.0.0.1" not in sshd.known.path.read_text()
        sshd.stop()
        sshd.new_host_key()
        sshd.start()
        known = sshd.known.path.read_text()
        why = await refusal(sshd)
        shown = subprocess.run(
            ["ssh-keygen", "-l", "-f", sshd.folder / "host_key.pub"], capture_output=True, text=True
        ).stdout.split()[1]
        assert "has changed" in why and shown in why and str(sshd.known.path) in why
        assert sshd.known.path.read_text() == known

    run_real(main)


def test_a_host_with_another_kind_of_key_is_refused_and_told_why(sshd: Sshd) -> None:
    async def main() -> None:
        async with opened(sshd):
            pass
        sshd.stop()
        sshd.new_host_key("ecdsa")
        sshd.start()
        why = await refusal(sshd)
        assert "has changed" in why and str(sshd.known.path) in why

    run_real(main)


def test_a_host_that_breaks_off_is_not_said_to_have_another_key(sshd: Sshd) -> None:
    async def main() -> None:
        async with opened(sshd):
            pass
        sshd.stop()
        with (sshd.folder / "sshd_config").open("a") as settings:
            settings.write("KexAlgorithms diffie-hellman-group1-sha1\n")
        sshd.start()
        why = await refusal(sshd)
        assert why.startswith("SSH to 127.0.0.1: ") and "has changed" not in why

    run_real(main)


def test_a_key_that_an_administrator_wrote_down_counts(sshd: Sshd) -> None:
    async def main() -> None:
        public = (sshd.folder / "host_key.pub").read_text().strip()
        line = f"elsewhere,[127.0.0.1]:{sshd.port} {public}"
        sshd.known.path.write_text(f"# ours\n{line}")
        async with opened(sshd):
            pass
        assert sshd.known.path.read_text() == f"# ours\n{line}"
        sshd.known.path.write_text(f"[127.0.0.2]:22 {public}")
        async with opened(sshd):
            pass
        assert sshd.known.path.read_text().splitlines()[0] == f"[127.0.0.2]:22 {public}"
        assert len(sshd.known.path.read_text().splitlines()) == 2

    run_real(main)


def test_a_revoked_key_is_refused(sshd: Sshd) -> None:
    async def main() -> None:
        public = (sshd.folder / "host_key.pub").read_text().strip()
        sshd.known.path.write_text(f"@revoked * {public}\n")
        assert "127.0.0.1" in await refusal(sshd)

    run_real(main)


def test_known_hosts_that_cannot_be_read(sshd: Sshd) -> None:
    async def main() -> None:
        sshd.known.path.write_text("nonsense\n")
        assert str(sshd.known.path) in await refusal(sshd)

    run_real(main)


def test_a_host_that_does_not_take_our_key(sshd: Sshd) -> None:
    async def main() -> None:
        (sshd.folder / "authorized_keys").write_text("")
        why = await refusal(sshd)
        assert f"append {sshd.key}.pub to its authorized_keys" in why

    run_real(main)


def test_our_key_is_for_nobody_else_and_made_once(tmp_path: Path) -> None:
    key = tmp_path / "ssh" / "id"
    ensure_key(key)
    content = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    ensure_key(key)
    assert key.read_bytes() == content
    said = subprocess.run(
        ["ssh-keygen", "-y", "-f", key], capture_output=True, text=True, check=True
    )
    assert said.stdout.split()[:2] == (tmp_path / "ssh" / "id.pub").read_text().split()[:2]


# ---- hosts that are not there


def test_a_port_where_nobody_listens(sshd: Sshd) -> None:
    async def main() -> None:
        sshd.stop()
        why = await refusal(sshd)
        assert (
            why.startswith("SSH to 127.0.0.1:") and "refused" in why.lower()
        ) or "Connect call failed" in why

    run_real(main)


def test_a_port_where_nobody_answers(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "CONNECT_TIMEOUT", 0.3)

    async def main() -> None:
        sshd.stop()
        with socket.create_server(("127.0.0.1", sshd.port)):
            assert "does not answer on port" in await refusal(sshd)

    run_real(main)


def test_something_else_than_a_server_for_ssh(sshd: Sshd) -> None:
    async def main() -> None:
        async def greet(_: Any, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail ready\r\n" * 2000)
            with contextlib.suppress(OSError):
                await writer.drain()
            writer.close()

        sshd.stop()
        server = await asyncio.start_server(greet, "127.0.0.1", sshd.port)
        assert "SSH to 127.0.0.1:" in await refusal(sshd)
        server.close()
        await server.wait_closed()

    run_real(main)


# ---- files


def content_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.part"))


def test_a_file_arrives_whole(sshd: Sshd, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "bases" / "it's a name"
    source.write_bytes(content_of(5_000_001))

    async def main() -> None:
        async with opened(sshd) as link:
            await within(link.upload(str(source), str(target), hash_of(source)))
            assert target.read_bytes() == source.read_bytes()
            assert target.stat().st_mode & 0o777 == 0o644
            assert not parts(target.parent)

    run_real(main)


def test_holes_stay_holes_also_at_the_end(sshd: Sshd, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "bases" / "x"
    with source.open("wb") as file:
        file.seek(64 << 20)
        file.write(b"in the middle")
        file.truncate(200 << 20)

    async def main() -> None:
        async with opened(sshd) as link:
            await within(link.upload(str(source), str(target), hash_of(source)), 60)
            assert target.stat().st_size == 200 << 20
            assert target.stat().st_blocks * 512 < 2 << 20

    run_real(main)


def test_an_empty_file(sshd: Sshd, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "bases" / "x"
    source.write_bytes(b"")

    async def main() -> None:
        async with opened(sshd) as link:
            await within(link.upload(str(source), str(target), hash_of(source)))
            assert target.read_bytes() == b""

    run_real(main)


def test_a_file_that_is_not_what_was_promised_never_gets_its_name(
    sshd: Sshd, tmp_path: Path
) -> None:
    source, target = tmp_path / "source", tmp_path / "bases" / "x"
    source.write_bytes(b"something else")

    async def main() -> None:
        async with opened(sshd) as link:
            with pytest.raises(OSError, match="has it changed"):
                await within(link.upload(str(source), str(target), "0" * 64))
            assert list(target.parent.iterdir()) == []

    run_real(main)


def test_a_cut_transfer_leaves_nothing_that_counts_and_the_next_sweeps_up(
    sshd: Sshd, tmp_path: Path
) -> None:
    source, target = tmp_path / "source", tmp_path / "bases" / "x"
    source.write_bytes(content_of(30_000_000))

    async def main() -> None:
        async with opened(sshd) as link:
            upload = asyncio.create_task(link.upload(str(source), str(target), hash_of(source)))
            await until(
                lambda: [p for p in target.parent.glob("*.part") if p.stat().st_size],
                "it has begun",
            )
            sshd.cut()
            with pytest.raises(OSError):
                await within(upload)
            assert "the SSH connection was lost" in await within(asyncio.shield(link.lost))
            with pytest.raises(LinkLost):
                await link.upload(str(source), str(target), hash_of(source))
        assert not target.exists() and len(parts(target.parent)) == 1
        async with opened(sshd) as link:
            await within(link.upload(str(source), str(target), hash_of(source)))
        assert [path.name for path in target.parent.iterdir()] == ["x"]
        assert hash_of(target) == hash_of(source)

    run_real(main)


def test_a_transfer_that_nobody_wants_any_more_is_ended(sshd: Sshd, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "bases" / "x"
    source.write_bytes(content_of(30_000_000))

    async def main() -> None:
        async with opened(sshd) as link:
            upload = asyncio.create_task(link.upload(str(source), str(target), hash_of(source)))
            await until(lambda: parts(target.parent), "it has begun")
            upload.cancel()
            await within(asyncio.wait({upload}))
            assert not target.exists()
            await ask(link, "echo")

    run_real(main)


def test_a_full_disk(sshd: Sshd, tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "full"
    source.write_bytes(content_of(3_000_000))
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    sshd.stop()
    sshd.start()  # its mounts are those of its start

    async def main() -> None:
        async with opened(sshd) as link:
            with pytest.raises(OSError, match="SFTP to"):
                await within(link.upload(str(source), str(folder / "x"), hash_of(source)))
            assert list(folder.iterdir()) == []
            await ask(link, "echo")

    try:
        run_real(main)
    finally:
        sshd.stop()
        subprocess.run(["umount", folder], check=True)


def test_a_transfer_that_stalls_is_given_up(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "STALLED", 0.5)
    monkeypatch.setattr(ssh, "FAREWELL", 0.2)
    source, target = tmp_path / "source", tmp_path / "bases" / "x"
    source.write_bytes(content_of(30_000_000))

    async def main() -> None:
        async with opened(sshd) as link:
            upload = asyncio.create_task(link.upload(str(source), str(target), hash_of(source)))
            await until(
                lambda: [p for p in target.parent.glob("*.part") if p.stat().st_size],
                "it has begun",
            )
            sessions = sshd.sessions()
            for number in sessions:
                os.kill(number, signal.SIGSTOP)
            with pytest.raises(OSError, match="has not answered for"):
                await within(upload)
            await within(link.close())
            sshd.cut()
        assert not target.exists()

    run_real(main)


def test_a_source_that_is_gone(sshd: Sshd, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(sshd) as link:
            with pytest.raises(FileNotFoundError):
                await within(
                    link.upload(str(tmp_path / "none"), str(tmp_path / "b" / "x"), "0" * 64)
                )

    run_real(main)
