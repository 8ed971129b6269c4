"""Progress lines: each change once; waiting that ends."""

import pytest

from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.local.progress import Progress


def test_only_what_is_new_about_a_subject_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    for text in ("a: boot", "b: boot", "a: boot", "b: runs", "b: runs", "a: runs", "b: boot"):
        progress.say(text)
    lines = [line.partition("] ")[2] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["a: boot", "b: boot", "b: runs", "a: runs", "b: boot"]


def test_waiting_ends_with_the_first_result() -> None:
    answers = iter([None, None, 0])
    assert Progress().wait("a zero, which is a result", lambda: next(answers), 60) == 0


def test_waiting_too_long_says_for_what() -> None:
    with pytest.raises(CliError, match="waited 0 s for rain") as caught:
        Progress().wait("rain", lambda: None, 0)
    assert caught.value.code is ExitCode.TIMED_OUT
