"""Amounts as people write them."""

import pytest

from innkeeper.placement import units


@pytest.mark.parametrize(
    ("kib", "text"),
    [
        (0, "0 KiB"),
        (1023, "1023 KiB"),
        (1024, "1 MiB"),
        (1_572_864, "1.5 GiB"),
        (-2_097_152, "-2 GiB"),
        (1 << 30, "1 TiB"),
        (1 << 52, "4096 PiB"),
    ],
)
def test_memory_takes_the_largest_unit_with_a_whole_part(kib: int, text: str) -> None:
    assert units.memory(kib) == text


def test_disks_are_counted_in_mib() -> None:
    assert units.disk(10240) == "10 GiB"


@pytest.mark.parametrize(
    ("hundredths", "text"),
    [(100, "1 core"), (50, "0.5 cores"), (0, "0 cores"), (1250, "12.5 cores")],
)
def test_cores(hundredths: int, text: str) -> None:
    assert units.cores(hundredths) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (7200, "2 h"), (90000, "1 d")],
)
def test_spans_keep_the_largest_whole_unit(seconds: float, text: str) -> None:
    assert units.span(seconds) == text


def test_nouns_follow_their_number() -> None:
    assert (units.counted(1, "host"), units.counted(0, "host")) == ("1 host", "0 hosts")
