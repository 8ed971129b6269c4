"""The XML form of templates, as clients send it and as the server returns it.

A child of the root with text alone is a single attribute, one with elements is a vector; an
element with no child at all is dropped, deeper levels are lost. Rendered values stand in CDATA
sections, sorted by name. Rules: OpenNebula's Template class.

A document type declaration is refused as soon as it begins, which leaves no way to declare
entities; so the predefined ones are all that can be expanded.
"""

from xml.parsers import expat

from innkeeper.model.template_values import (
    BLANKS,
    CDATA_END,
    Attributes,
    TemplateError,
    Value,
    Vector,
    attribute_name,
    refuse_unstorable,
)

MAX_DEPTH = 32


def parse_xml(text: str) -> Attributes:
    """Read a template in XML, whatever its root is called; TemplateError when it is not one."""
    refuse_unstorable(text)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    builder = _Builder(parser)
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        reason = f"malformed XML: {expat.ErrorString(error.code)}"
        raise TemplateError(reason, error.lineno, error.offset + 1) from None
    return {name: tuple(values) for name, values in builder.attributes.items()}


class _Builder:
    """Collects attributes while expat walks: depth 1 is the root, 2 a name, 3 a sub-name."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self.attributes: dict[str, list[Value]] = {}
        self._parser = parser
        self._depth = 0
        self._name = ""
        self._text: str | None = None
        self._vector: Vector | None = None
        self._element = ""
        self._element_text: str | None = None
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartCdataSectionHandler = self._cdata
        parser.StartDoctypeDeclHandler = self._doctype

    def _error(self, reason: str) -> TemplateError:
        place = self._parser
        return TemplateError(reason, place.CurrentLineNumber, place.CurrentColumnNumber + 1)

    def _doctype(self, *_: object) -> None:
        raise self._error("a document type declaration is not allowed")

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 2:
            self._name, self._text, self._vector = self._checked(name), None, None
        elif self._depth == 3:
            self._element, self._element_text = self._checked(name), None
            if self._vector is None:
                self._vector = {}
        elif self._depth > MAX_DEPTH:
            raise self._error(f"elements are nested deeper than {MAX_DEPTH}")

    def _checked(self, name: str) -> str:
        try:
            return attribute_name(name)
        except ValueError as error:
            raise self._error(str(error)) from None

    def _characters(self, data: str) -> None:
        if self._depth == 2:
            self._text = (self._text or "") + data
        elif self._depth == 3:
            self._element_text = (self._element_text or "") + data

    def _cdata(self) -> None:
        """An empty CDATA section is a child too: it is how an empty value is rendered."""
        self._characters("")

    def _end(self, _name: str) -> None:
        if self._depth == 2:
            self._store()
        elif self._depth == 3 and self._vector is not None and self._element_text is not None:
            self._vector.setdefault(self._element, self._trimmed(self._element_text))
        self._depth -= 1

    def _store(self) -> None:
        value: Value
        if self._vector is not None:
            value = self._vector
        elif self._text is not None:
            value = self._trimmed(self._text)
        else:
            return
        self.attributes.setdefault(self._name, []).append(value)

    def _trimmed(self, text: str) -> str:
        if CDATA_END in text:
            raise self._error("']]>' is not allowed")
        return text.strip(BLANKS)


def render_children(attributes: Attributes) -> str:
    """The attributes as XML elements without a root, sorted by name, values in CDATA."""
    parts = []
    for name in sorted(attributes):
        for value in attributes[name]:
            if isinstance(value, str):
                parts.append(_element(name, value))
            else:
                elements = "".join([_element(sub, value[sub]) for sub in sorted(value)])
                parts.append(f"<{name}>{elements}</{name}>")
    return "".join(parts)


def _element(name: str, text: str) -> str:
    if CDATA_END in text or "\r" in text:
        text = _cdata_safe(text)
    return f"<{name}><![CDATA[{text}]]></{name}>"


def _cdata_safe(text: str) -> str:
    """Text for the inside of a CDATA section: its end mark is split over two sections, and a
    carriage return, which a reader would turn into a newline, stands as a reference between."""
    split = text.replace(CDATA_END, "]]]]><![CDATA[>")
    return split.replace("\r", "]]>&#13;<![CDATA[")
