"""The XML form, rule by rule."""

import pytest

from innkeeper.model.template import Template, TemplateError


def attributes(children: str) -> dict:
    return Template.parse(f"<VM>{children}</VM>").attributes


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        ("", {}),
        ("<A>1</A>", {"A": ("1",)}),
        ("<A> 1\n</A>", {"A": ("1",)}),
        ("<a>1</a><A>2</A>", {"A": ("1", "2")}),
        ("<A><![CDATA[x < y & z]]></A>", {"A": ("x < y & z",)}),
        ("<A>x &lt; y &#65;</A>", {"A": ("x < y A",)}),
        ("<A>x<!-- note -->y</A>", {"A": ("xy",)}),
        ("<A/>", {}),
        ("<A></A><B>1</B>", {"B": ("1",)}),
        ("<A><![CDATA[]]></A>", {"A": ("",)}),
        ("\n  <A>1</A>\n  text\n", {"A": ("1",)}),
        ("<XMLA>1</XMLA>", {"ONE_XMLA": ("1",)}),
        ("<N><A>1</A><b>2</b></N>", {"N": ({"A": "1", "B": "2"},)}),
        ("<N>\n <A>1</A>\n</N>", {"N": ({"A": "1"},)}),
        ("<N><A>1</A><A>2</A></N>", {"N": ({"A": "1"},)}),
        ("<N><A/><B>2</B></N>", {"N": ({"B": "2"},)}),
        ("<N><A><![CDATA[]]></A></N>", {"N": ({"A": ""},)}),
        ("<N><A>1<DEEP>2</DEEP></A></N>", {"N": ({"A": "1"},)}),
        ("<N><A>1</A></N><N><A>2</A></N>", {"N": ({"A": "1"}, {"A": "2"})}),
        ('<A kind="x">1</A>', {"A": ("1",)}),
    ],
)
def test_children_of_the_root(children: str, expected: dict) -> None:
    assert attributes(children) == expected


def test_a_declared_encoding_means_nothing_for_text() -> None:
    text = '<?xml version="1.0" encoding="iso-8859-1"?><T><A>ü</A></T>'
    assert Template.parse(text).attributes == {"A": ("ü",)}


BOMB = """<!DOCTYPE T [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<T><A>&b;</A></T>"""
OUTSIDE = '<!DOCTYPE T [<!ENTITY x SYSTEM "file:///etc/passwd">]><T><A>&x;</A></T>'


@pytest.mark.parametrize("text", [BOMB, OUTSIDE, '<!DOCTYPE T SYSTEM "t.dtd"><T/>'])
def test_document_types_are_refused_before_anything_is_expanded(text: str) -> None:
    with pytest.raises(TemplateError, match="document type declaration"):
        Template.parse(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<", "malformed XML: "),
        ("<T>", "malformed XML: no element found"),
        ("<T><A>1</B></T>", "malformed XML: mismatched tag"),
        ("<T/><T/>", "malformed XML: junk after document element"),
        ("<T><A>&x;</A></T>", "malformed XML: undefined entity"),
        ("<T><A>&#1;</A></T>", "malformed XML: reference to invalid character number"),
        ("<T><A>\x02</A></T>", "character U+0002 is not allowed"),
        ("<T><A>x]]&gt;y</A></T>", "']]>' is not allowed"),
        ("<T><A-B>1</A-B></T>", "attribute name 'A-B'"),
        ("<T><N><a.b>1</a.b></N></T>", "attribute name 'a.b'"),
        ("<T>" + "<A>" * 40 + "</A>" * 40 + "</T>", "nested deeper than 32"),
    ],
)
def test_errors(text: str, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse(text)
    assert reason in str(caught.value)
    assert caught.value.line == 1


def test_an_error_names_its_place() -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse("<T>\n  <A>1</A>\n  <B-C>2</B-C>\n</T>")
    assert (caught.value.line, caught.value.column) == (3, 3)


def test_rendering_is_sorted_with_every_value_in_cdata() -> None:
    template = Template.parse("C = [ Y = 2, X = 1 ]\nB = 2\nB = 1\nA =")
    assert template.to_xml() == (
        "<TEMPLATE><A><![CDATA[]]></A><B><![CDATA[2]]></B><B><![CDATA[1]]></B>"
        "<C><X><![CDATA[1]]></X><Y><![CDATA[2]]></Y></C></TEMPLATE>"
    )


def test_an_empty_template_is_an_empty_element() -> None:
    assert Template().to_xml() == "<TEMPLATE></TEMPLATE>"
    assert Template().to_xml("USER_TEMPLATE") == "<USER_TEMPLATE></USER_TEMPLATE>"


def test_a_value_can_never_end_its_cdata_section() -> None:
    text = "x]]><EVIL>1</EVIL>]]>"
    xml = Template().with_("A", text).to_xml()
    with pytest.raises(TemplateError, match="']]>' is not allowed"):
        Template.parse(xml)
    assert "".join(xml.split("]]]]><![CDATA[>")).count("]]>") == 1


def test_carriage_returns_survive() -> None:
    template = Template.parse('A = "one\r\ntwo"')
    assert Template.parse(template.to_xml()) == template
