"""What hypothesis draws templates from."""

from hypothesis import strategies as st

from innkeeper.model.template import Template, attribute_name

BLANKS = " \t\r\n\v\f"

names = (
    st.text("ABCXMLabcxml_019", min_size=1, max_size=8)
    .map(attribute_name)
    .filter(lambda name: name.upper() == name)
)
special = st.sampled_from(
    ['"', "\\", '\\"', "]]", "]>", "\n", "\r\n", "#", "=", ",", "[", "]", " "]
)
pieces = special | st.text(
    st.characters(
        exclude_categories=["Cs"],
        exclude_characters=[chr(code) for code in range(0x20)] + ["\ufffe", "\uffff"],
    ),
    max_size=6,
)
texts = (
    st.lists(pieces, max_size=5)
    .map(lambda parts: "".join(parts).strip(BLANKS))
    .filter(lambda text: "]]>" not in text)
)
vectors = st.dictionaries(names, texts, max_size=4)


def templates(vectors: st.SearchStrategy = vectors) -> st.SearchStrategy[Template]:
    values = st.lists(texts | vectors, min_size=1, max_size=3).map(tuple)
    return st.dictionaries(names, values, max_size=5).map(Template)
