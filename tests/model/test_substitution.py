"""Variables and file references, rule by rule."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.model.errors import BadValue
from innkeeper.model.substitution import (
    Choice,
    FileReference,
    NetworkSource,
    VmScope,
    file_references,
    substitute,
)
from innkeeper.model.template import Template, Vector

VM = Template.parse(
    """
    MEMORY = 512
    ROLE = ""
    NIC = [ NIC_ID = 0, NETWORK = "front net", NETWORK_ID = 4, MAC = "02:00:0a:00:00:01" ]
    NIC = [ NIC_ID = 1, NETWORK = back, NETWORK_ID = 5, MAC = "02:00:0a:00:00:02" ]
    DISK = [ DISK_ID = 0, IMAGE = debian, IMAGE_ID = 9 ]
    GRAPHICS = [ TYPE = vnc, LISTEN = "0.0.0.0" ]
    """
)
USER_TEMPLATE = Template.parse('ROLE = web\nMEMORY = 1\nLABELS = "a,b"\nSITE = [ ROOM = 7 ]')
OWNER = Template.parse('SSH_PUBLIC_KEY = "ssh-ed25519 AAAA me"')
IMAGE = Template.parse("DESCRIPTION = stable")
NETWORK = Template.parse("DNS = 9.9.9.9\nGATEWAY = 10.0.0.254")


def network_of(nic: Vector) -> NetworkSource | None:
    if nic["NETWORK_ID"] != "4":
        return None
    return NetworkSource(address_range={"GATEWAY": "10.0.0.1", "DNS": ""}, template=NETWORK)


SCOPE = VmScope(
    builtins={"NAME": "web-1", "VMID": "33", "UID": "2", "UNAME": "ann", "GID": "1", "GNAME": "g"},
    template=VM,
    user_template=USER_TEMPLATE,
    owner=OWNER,
    network_of=network_of,
    image_of=lambda disk: IMAGE if disk["IMAGE_ID"] == "9" else None,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no variables", "no variables"),
        ("$NAME", "web-1"),
        ("$name", "web-1"),
        ("$NAME-$VMID.example.org", "web-1-33.example.org"),
        ("$NAME$VMID", "web-133"),
        ("$UID $UNAME $GID $GNAME", "2 ann 1 g"),
        ("$MEMORY MB", "512 MB"),
        ("$ROLE", "web"),
        ("$LABELS", "a,b"),
        ("<$MISSING>", "<>"),
        ("$GRAPHICS", ""),
        ("$GRAPHICS[TYPE]", "vnc"),
        ("$graphics[ listen ]", "0.0.0.0"),
        ("$GRAPHICS[MISSING]", ""),
        ("$MISSING[TYPE]", ""),
        ("$SITE[ROOM]", "7"),
        ("$NIC[MAC]", "02:00:0a:00:00:01"),
        ('$NIC[MAC, NETWORK="back"]', "02:00:0a:00:00:02"),
        ("$NIC[MAC,NIC_ID=1]", "02:00:0a:00:00:02"),
        ('$NIC[MAC, NETWORK="none"]', ""),
        ('$NETWORK[GATEWAY, NETWORK="front net"]', "10.0.0.1"),
        ('$NETWORK[DNS, NETWORK_ID="4"]', "9.9.9.9"),
        ("$NETWORK[DNS, NIC_ID=0]", "9.9.9.9"),
        ("$NETWORK[DNS, NIC_ID=1]", ""),
        ('$NETWORK[DNS, NETWORK="foreign"]', ""),
        ('$NETWORK[DNS, MAC="02:00:0a:00:00:01"]', ""),
        ("$NETWORK[DNS]", ""),
        ("$IMAGE[DESCRIPTION, IMAGE=debian]", "stable"),
        ('$IMAGE[DESCRIPTION, IMAGE_ID="9"]', "stable"),
        ('$IMAGE[DESCRIPTION, IMAGE_ID="10"]', ""),
        ('$IMAGE[DESCRIPTION, DISK_ID="0"]', ""),
        ("$IMAGE[DESCRIPTION]", ""),
        ("$USER[SSH_PUBLIC_KEY]", "ssh-ed25519 AAAA me"),
        ("$USER[MISSING]", ""),
        (r"costs \$5, \$NAME", "costs $5, $NAME"),
        ("a $ b, $", "a $ b, $"),
        ("$NAME[", "web-1["),
        ("$NAME[0-9", "web-1[0-9"),
        ("${NAME}", "${NAME}"),
        ('$NAME $FILE[IMAGE="a [b]"] $NAME', 'web-1 $FILE[IMAGE="a [b]"] web-1'),
        ("$file[IMAGE_ID=7]", "$file[IMAGE_ID=7]"),
        (r"C:\dir", r"C:\dir"),
    ],
)
def test_variables(text: str, expected: str) -> None:
    assert substitute(text, SCOPE) == expected


@pytest.mark.parametrize(
    ("variable", "template"),
    [
        ("$TEMPLATE", VM),
        ("$USER[TEMPLATE]", OWNER),
        ("$NETWORK[TEMPLATE, NIC_ID=0]", NETWORK),
        ("$IMAGE[TEMPLATE, IMAGE_ID=9]", IMAGE),
    ],
)
def test_whole_templates_are_base64_of_their_xml(variable: str, template: Template) -> None:
    decoded = base64.b64decode(substitute(variable, SCOPE)).decode()
    assert decoded.startswith("<TEMPLATE>")
    assert Template.parse(decoded) == template


def test_a_passed_through_nic_has_a_network_too() -> None:
    nic = {"TYPE": "NIC", "NIC_ID": "2", "NETWORK_ID": "4"}
    scope = VmScope(
        SCOPE.builtins,
        Template().adding("PCI", {"NIC_ID": "2"}).adding("PCI", nic),
        USER_TEMPLATE,
        OWNER,
        network_of,
        lambda disk: None,
    )
    assert substitute("$NETWORK[GATEWAY, NIC_ID=2]", scope) == "10.0.0.1"


def test_values_are_not_substituted_again() -> None:
    scope = VmScope(
        {"NAME": "$VMID", "VMID": "1"}, VM, USER_TEMPLATE, OWNER, network_of, lambda disk: None
    )
    assert substitute("$NAME", scope) == "$VMID"


@given(st.text("$\\[],=\"' NAMEvec_0\n", max_size=30) | st.text())
def test_any_text_can_be_substituted(text: str) -> None:
    result = substitute(text, SCOPE)
    if "$" not in text:
        assert result == text


@pytest.mark.parametrize(
    "piece", ["$FILE[", '$FILE["', "$A[B,C=", '$A[B,C="', "$A[" + " " * 50, "$A[B" + " " * 50, "$"]
)
def test_long_hostile_texts_are_read_in_linear_time(piece: str) -> None:
    """Some of these would take hours if each piece were read to the end of the text."""
    assert len(substitute(piece * 100_000, SCOPE)) <= len(piece) * 100_000
    with pytest.raises(BadValue):
        file_references(piece * 100_000)
    with pytest.raises(BadValue):
        file_references(f"$FILE[{' ' * 1_000_000}]")


class Recorder:
    """A scope that tells what it was asked."""

    def single(self, name: str) -> str:
        return f"single {name}"

    def element(self, vector: str, name: str, choice: Choice | None) -> str:
        return f"element {vector} {name} {choice}"

    def network(self, name: str, choice: Choice) -> str:
        return f"network {name} {choice}"

    def image(self, name: str, choice: Choice) -> str:
        return f"image {name} {choice}"

    def user(self, name: str) -> str:
        return f"user {name}"


def test_the_scope_is_asked_in_upper_case_but_for_values() -> None:
    asked = Choice("KEY", "Value x")
    assert substitute('$vec[a, key="Value x"]', Recorder()) == f"element VEC A {asked}"
    assert substitute('$Network[a, key="Value x"]', Recorder()) == f"network A {asked}"
    assert substitute('$image[a, key = "Value x" ]', Recorder()) == f"image A {asked}"
    assert substitute("$user[a]", Recorder()) == "user A"
    assert substitute("$abc", Recorder()) == "single ABC"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n", []),
        ("$FILE[IMAGE_ID=7]", [FileReference(image_id=7)]),
        ('$FILE[IMAGE_ID="7"]', [FileReference(image_id=7)]),
        ('$FILE[IMAGE="a file"]', [FileReference(image="a file")]),
        ('$FILE[IMAGE="a]b"]', [FileReference(image="a]b")]),
        ('$FILE[IMAGE="k", IMAGE_UNAME="ann"]', [FileReference(image="k", owner_name="ann")]),
        ("$file[image=k,image_uid=3]", [FileReference(image="k", owner_id=3)]),
        (
            ' $FILE[IMAGE_ID=1]  $FILE[IMAGE="b"]\n$FILE[IMAGE_ID=2] ',
            [FileReference(image_id=1), FileReference(image="b"), FileReference(image_id=2)],
        ),
    ],
)
def test_file_references(text: str, expected: list[FileReference]) -> None:
    assert file_references(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "/etc/passwd",
        "$FILE",
        "$FILE[]",
        "$FILE[IMAGE_ID=7",
        "$FILE[IMAGE_ID=x]",
        "$FILE[IMAGE_ID=99999999999]",
        "$FILE[IMAGE_UNAME=ann]",
        "$FILE[IMAGE=a, IMAGE_ID=7]",
        "$FILE[IMAGE=a, IMAGE_UNAME=b, IMAGE_UID=1]",
        "$FILE[IMAGE=a, OTHER=b]",
        "$FILE[IMAGE=a,]",
        "$FILE[IMAGE=a b]",
        "$FILE[IMAGE_ID=7] and more",
    ],
)
def test_other_texts_are_no_file_references(text: str) -> None:
    with pytest.raises(BadValue, match=r"FILE"):
        file_references(text)


@given(st.text('$FILE[]IMAGE_ID=,"7 ', max_size=40) | st.text())
def test_any_text_is_a_list_of_files_or_an_error(text: str) -> None:
    try:
        references = file_references(text)
    except BadValue:
        return
    assert len(references) == text.upper().count("$FILE[")
