"""The context CD, written with genisoimage and read back with isoinfo."""

import subprocess
from pathlib import Path

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.disks.iso import files_of, write
from innkeeper.host.errors import BadArgsError


def isoinfo(image: Path, *options: str) -> bytes:
    return subprocess.run(
        ["isoinfo", "-i", image, *options], capture_output=True, check=True
    ).stdout


def test_the_cd_holds_the_files_under_their_names(tmp_path: Path) -> None:
    files = {"context.sh": "A='1'\nB='ü'\r\n", "a rather long name.with.dots": "x" * 5000}
    image = tmp_path / "disk.1"
    write(image, files)
    for extension in ("-R", "-J"):
        for name, text in files.items():
            assert isoinfo(image, extension, "-x", f"/{name}") == text.encode()
    description = isoinfo(image, "-d").decode()
    assert "Volume id: CONTEXT\n" in description
    assert "Rock Ridge" in description and "Joliet" in description
    assert list(tmp_path.iterdir()) == [image]


def test_a_cd_that_is_plugged_in_keeps_its_content(tmp_path: Path) -> None:
    image = tmp_path / "disk.1"
    write(image, {"context.sh": "old"})
    (tmp_path / ".context-left").mkdir()
    with image.open("rb") as plugged:
        write(image, {"context.sh": "new"})
        assert b"old" in plugged.read()
    assert isoinfo(image, "-R", "-x", "/context.sh") == b"new"
    assert list(tmp_path.iterdir()) == [image]


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "a\0b"])
def test_names_stay_on_the_cd(name: str) -> None:
    with pytest.raises(BadArgsError, match="files: expected names without '/'"):
        files_of(Arguments({"files": {name: "x"}}))
