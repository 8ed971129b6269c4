"""Every wrong argument is named, with what was expected and what came."""

from typing import Any

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.errors import BadArgsError


def complaint(read: Any) -> str:
    with pytest.raises(BadArgsError) as caught:
        read()
    return str(caught.value)


@pytest.mark.parametrize("value", [None, "12", 1.5, True, -1, 2**60, [], {}])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    arguments = Arguments({"vm": value})
    assert complaint(lambda: arguments.integer("vm")).startswith("vm: expected a whole number")


def test_numbers_have_limits_and_defaults() -> None:
    arguments = Arguments({"port": 70000, "zero": 0})
    assert arguments.integer("absent", default=7) == 7
    assert arguments.integer("zero", default=7) == 0
    assert arguments.maybe_integer("absent") is None
    text = complaint(lambda: arguments.integer("port", least=1, most=65535))
    assert text == "port: expected a whole number from 1 to 65535, got int '70000'"


@pytest.mark.parametrize("path", ["relative", "", "/a/../b", "/a\0b", 3, None])
def test_paths_are_absolute_and_go_nowhere_else(path: object) -> None:
    with pytest.raises(BadArgsError, match="path"):
        Arguments({"path": path}).path("path")


@pytest.mark.parametrize("name", ["", "a" * 16, "a b", "a/b", "-a", None, "br0;rm"])
def test_interface_names_are_what_the_kernel_takes(name: object) -> None:
    with pytest.raises(BadArgsError, match="interface name"):
        Arguments({"bridge": name}).interface("bridge")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", None])
def test_file_names_stay_in_their_folder(name: object) -> None:
    with pytest.raises(BadArgsError, match="file name"):
        Arguments({"base": name}).file_name("base")


def test_errors_inside_lists_and_objects_have_their_path() -> None:
    arguments = Arguments({"domain": {"disks": [{}, {"target": 5}]}})
    disks = arguments.part("domain").parts("disks")
    text = complaint(lambda: disks[1].text("target"))
    assert text == "domain.disks[1].target: expected a text, got int '5'"
    assert complaint(lambda: disks[0].text("target")).endswith("got nothing")


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda a: a.flag("x"), "true or false"),
        (lambda a: a.number("x"), "a number of at least 0"),
        (lambda a: a.choice("x", ("a", "b")), "one of a, b"),
        (lambda a: a.part("x"), "an object"),
        (lambda a: a.parts("x"), "a list of objects"),
        (lambda a: a.texts("x"), "an object of texts"),
    ],
)
def test_the_expectation_is_told(read: Any, expected: str) -> None:
    assert f"x: expected {expected}, got str 'no'" in complaint(
        lambda: read(Arguments({"x": "no"}))
    )


def test_arguments_that_are_no_object() -> None:
    assert complaint(lambda: Arguments([1])) == "args: expected an object, got list '[1]'"
