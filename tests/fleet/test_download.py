"""Files of hosts brought here over real SSH: whole, with their holes, going on where they broke off."""

import asyncio
from pathlib import Path

import pytest

from innkeeper.fleet import transfer
from tests.fleet.sshd import Sshd
from tests.fleet.test_ssh import content_of, hash_of, opened, parts, run_real, until, within


def test_a_file_comes_whole_with_its_holes(sshd: Sshd, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "here" / "x"
    source.write_bytes(content_of(3_000_000) + bytes(20_000_000) + b"end")

    async def main() -> None:
        async with opened(sshd) as link:
            for _ in range(2):
                await within(link.download(str(source), str(target), hash_of(source)), 60)
            assert target.read_bytes() == source.read_bytes()
            assert target.stat().st_blocks * 512 < 4_000_000
            assert [path.name for path in target.parent.iterdir()] == ["x"]

    run_real(main)
    transfer.copied(str(source), str(tmp_path / "copy"), hash_of(source))
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()


def test_what_broke_off_goes_on_where_it_was(sshd: Sshd, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "here" / "x"
    source.write_bytes(content_of(30_000_000))

    async def main() -> None:
        async with opened(sshd) as link:
            download = asyncio.create_task(link.download(str(source), str(target), hash_of(source)))
            await until(
                lambda: [p for p in target.parent.glob("*.part") if p.stat().st_size],
                "it has begun",
            )
            sshd.cut()
            with pytest.raises(OSError):
                await within(download)
        assert not target.exists() and len(parts(target.parent)) == 1
        before = (target.parent / parts(target.parent)[0]).stat()
        assert before.st_size > 0
        async with opened(sshd) as link:
            await within(link.download(str(source), str(target), hash_of(source)))
        assert target.stat().st_ino == before.st_ino
        assert hash_of(target) == hash_of(source)

    run_real(main)


def test_what_is_not_what_was_promised_never_gets_its_name(sshd: Sshd, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "here" / "x"
    source.write_bytes(b"something else")

    async def main() -> None:
        async with opened(sshd) as link:
            with pytest.raises(OSError, match="its SHA-256 is"):
                await within(link.download(str(source), str(target), "0" * 64))
            with pytest.raises(OSError, match="No such file"):
                await within(link.download(f"{source}-gone", str(target), "0" * 64))
        assert list(target.parent.iterdir()) == []

    run_real(main)
