import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.cli import formats, states
from innkeeper.cli.filters import Filter
from innkeeper.cli.template_text import single, vector
from innkeeper.model.template import Template


@pytest.mark.parametrize(
    ("mib", "shown"),
    [("512", "512M"), ("1024", "1G"), ("1536", "1.5G"), ("0", "0M"), ("1048576", "1T"), ("", "-"),
     ("x", "-"), ("-2048", "-2G")],
)  # fmt: skip
def test_sizes(mib: str, shown: str) -> None:
    assert formats.size_of_mib(mib) == shown


@given(st.integers(0, 2**50))
def test_a_size_is_never_far_from_what_it_says(kib: int) -> None:
    shown = formats.size_of_kib(str(kib))
    amount = float(shown[:-1]) * 1024.0 ** "KMGTP".index(shown[-1])
    assert abs(amount - kib) <= 0.05 * max(kib / 1.0, 1)
    assert len(shown) <= 7


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "  0d 00h00m"), (59, "  0d 00h00m"), (93780, "  1d 02h03m"), (-5, "  0d 00h00m"),
     (100 * 86400, "100d 00h00m")],
)  # fmt: skip
def test_ages(seconds: int, shown: str) -> None:
    assert formats.age(seconds) == shown


def test_moments() -> None:
    assert formats.moment("1700000000") == "11/14 22:13:20"
    assert formats.moment_with_year("1700000000") == "11/14/23 22:13:20"
    assert [formats.moment(text) for text in ("0", "-1", "", "x")] == ["-"] * 4


def test_shares() -> None:
    assert formats.share("50", "400") == "50 / 400 (12%)"
    assert formats.share("50", "0") == "50 / 0 (-%)"
    assert formats.share("", "") == "-"
    assert formats.share_of_kib("0", "1048576") == "0K / 1G (0%)"


def test_rights() -> None:
    assert [formats.rights(bits) for bits in ("110", "100", "001")] == ["um-", "u--", "--a"]


def test_states_without_a_number_of_ours_show_themselves() -> None:
    assert states.look_up(states.VM, "99").short == "99"
    assert states.of_vm("3", "36") == ("BOOT_FAILURE", "fail")
    assert states.of_vm("8", "0") == ("POWEROFF", "poff")
    assert (len(states.VM), len(states.LCM), len(states.ACTIONS)) == (12, 72, 66)
    assert states.ACTIONS[27] == "terminate" and states.ACTIONS[65] == "vmgroup-del"


@given(st.text())
def test_no_text_breaks_a_filter(cell: str) -> None:
    for condition in ("A=1", "A!=x", "A<5", "A>=2G", "A~^a"):
        Filter.parse(condition).accepts(cell)


writable = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Cs"])).filter(
    lambda text: not text.endswith("\\") and "]]>" not in text
)


filled = writable.filter(lambda text: text.strip(" "))


@given(writable)
def test_the_front_end_reads_back_what_is_written(text: str) -> None:
    assert Template.parse(single("a", text)).get("A") == text.strip(" ")


@given(filled, filled)
def test_the_front_end_reads_back_vectors_too(first: str, second: str) -> None:
    [found] = Template.parse(vector("disk", {"image": first, "x": second})).vectors("DISK")
    assert found == {"IMAGE": first.strip(" "), "X": second.strip(" ")}
