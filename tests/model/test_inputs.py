"""User inputs of templates."""

import pytest

from innkeeper.model import inputs
from innkeeper.model.errors import BadValue
from innkeeper.model.template import Template

TEMPLATE = Template.parse(
    """USER_INPUTS = [ N = "M|number|how many", F = "O|number-float|", R = "M|range| |1..5|3",
    RF = "O|range-float| |0.5..2|", L = "M|list|which|small, big|small", LM = "O|list-multiple| |a,b,c",
    B = "O|boolean|", X = "M|fixed| | |this", T = "M|text64|", P = "M|password|", ODD = "nonsense",
    BAD = "M|range| |x..y", INPUTS_ORDER = "N,F" ]"""
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("N=x", "a whole number"),
        ("F=x", "a number"),
        ("R=6", "a whole number from 1 to 5"),
        ('R="1.5"', "a whole number from 1 to 5"),
        ("RF=3", "a number from 0.5 to 2"),
        ("L=huge", "one of small, big"),
        ('LM="a,d"', "some of a,b,c"),
        ("B=maybe", "YES or NO"),
        ("X=that", "'this', which is fixed"),
        ("T=%%", "a text in base64"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(text: str, wanted: str) -> None:
    with pytest.raises(BadValue, match=f"^{text.split('=')[0]} must be {wanted}"):
        inputs.check(TEMPLATE, Template.parse(text))


def test_what_fits_and_what_is_left_out() -> None:
    given = (
        'N=3\nF="1.5"\nR=5\nRF="0.5"\nL=big\nLM="a, c"\nB=yes\nX=this\nT="aGk="\nP=x\nODD=1\nBAD=9'
    )
    inputs.check(TEMPLATE, Template.parse(given))
    inputs.check(TEMPLATE, Template())
    inputs.check(Template(), Template.parse("N=x"))
