"""Commands of hooks on a machine: arguments, input, outputs, ends."""

import base64
from pathlib import Path
from typing import Any

import pytest

from innkeeper.host import hooks
from innkeeper.host.arguments import Arguments
from innkeeper.host.errors import BadArgsError


def run(folder: Path, **args: Any) -> tuple[int, str, str]:
    found = hooks.run(folder, Arguments(args))
    texts = (base64.b64decode(found[name]).decode() for name in ("stdout", "stderr"))
    return (found["code"], *texts)  # type: ignore[return-value]


def sent(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_command_gets_its_arguments_and_its_input(tmp_path: Path) -> None:
    line = ["-c", 'cat; echo "$1" >&2; exit 3', "sh", "two words; $HOME"]
    assert run(tmp_path, command="/bin/sh", arguments=line, stdin="in") == (
        3,
        "in",
        "two words; $HOME\n",
    )


def test_a_script_is_placed_and_run_and_replaced(tmp_path: Path) -> None:
    for word in ("one", "two"):
        script = sent(f"#!/bin/sh\necho {word} $1\n")
        assert run(tmp_path / "hooks", command="x.sh", script=script, arguments=["a"]) == (
            0,
            f"{word} a\n",
            "",
        )
    assert (tmp_path / "hooks" / "x.sh").stat().st_mode & 0o777 == 0o700


def test_what_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    code, _, said = run(
        tmp_path, command="/bin/sh", arguments=["-c", "sleep 100 & sleep 100"], seconds=0.2
    )
    assert code == 124 and "had not ended in 0.2 s" in said


def test_outputs_are_cut(tmp_path: Path) -> None:
    line = ["-c", "yes | head -c 1000000"]
    code, out, _ = run(tmp_path, command="/bin/sh", arguments=line)
    assert (code, len(out)) == (0, 64 * 1024)


def test_what_cannot_be_started_says_so(tmp_path: Path) -> None:
    code, _, said = run(tmp_path, command="/nowhere/x")
    assert code == 126 and "/nowhere/x" in said
    long = "x" * 300_000
    assert run(tmp_path, command="/bin/true", arguments=[long])[0] == 126


@pytest.mark.parametrize(
    "args",
    [
        {"command": "x.sh"},
        {"command": "/a/../b"},
        {"command": "../x", "script": sent("x")},
        {"command": "x", "script": "%"},
        {"command": "/bin/true", "arguments": "x"},
        {"command": "/bin/true", "arguments": [1]},
    ],
)
def test_wrong_arguments(tmp_path: Path, args: dict[str, Any]) -> None:
    with pytest.raises(BadArgsError):
        run(tmp_path, **args)
