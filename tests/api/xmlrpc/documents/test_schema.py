"""The checker itself: it must notice what is wrong."""

import xml.etree.ElementTree as ET

import pytest

from tests.api.xmlrpc.documents.schema import check

NOTATION = "A{B:i,C?:b,D*{E},F IDS,G{@}}"


@pytest.mark.parametrize(
    "text",
    [
        "<A><B>1</B><F/><G/></A>",
        "<A><B>-1</B><C>0</C><D><E/></D><D><E>x</E></D><F><ID>1</ID><ID>20</ID></F><G><X/>t</G></A>",
    ],
)
def test_what_fits_the_notation(text: str) -> None:
    check(ET.fromstring(text), NOTATION)


@pytest.mark.parametrize(
    "text",
    [
        "<A><B>1</B><F/></A>",
        "<A><F/><B>1</B><G/></A>",
        "<A><B>x</B><F/><G/></A>",
        "<A><B></B><F/><G/></A>",
        "<A><B>1</B><C>2</C><F/><G/></A>",
        "<A><B>1</B><C>1</C><C>1</C><F/><G/></A>",
        "<A><B>1</B><D/><F/><G/></A>",
        "<A><B>1</B><F><ID>2</ID><ID>1</ID></F><G/></A>",
        "<A><B>1</B><F/><G/><H/></A>",
        "<A><B>1</B><B>1</B><F/><G/></A>",
        "<X><B>1</B><F/><G/></X>",
    ],
)
def test_what_does_not(text: str) -> None:
    with pytest.raises(AssertionError):
        check(ET.fromstring(text), NOTATION)
