"""Numbers in paths and queries: what is none is the caller's fault."""

import json
from typing import Any

import pytest

from innkeeper.api.messages import HttpError, Limits, Request
from innkeeper.api.problems import response
from innkeeper.api.v1.access import number, option


def request(vm: str = "1", query: str = "") -> Request:
    async def receive() -> Any:
        raise AssertionError("there is no body")

    scope = {"type": "http", "path": "/", "query_string": query.encode(), "headers": []}
    return Request(scope, receive, Limits(), {"vm": vm})


@pytest.mark.parametrize("text", ["", "x", "-1", "\u00b2", "\u0661", "1_0", "9" * 5000, "+1"])
def test_what_is_no_number_in_a_path(text: str) -> None:
    with pytest.raises(HttpError) as caught:
        number(request(text), "vm")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "text", ["x", "-1", "%C2%B2", "%D9%A1", "9" * 5000, "00000000000000000000001x"]
)
def test_what_is_no_number_in_a_query(text: str) -> None:
    with pytest.raises(HttpError) as caught:
        option(request(query=f"after={text}"), "after", 0)
    assert caught.value.status == 400


def test_numbers() -> None:
    assert number(request("17"), "vm") == 17
    assert option(request(query="limit=5"), "limit", 100, 1000) == 5
    assert option(request(), "limit", 100, 1000) == 100
    with pytest.raises(HttpError):
        option(request(query="limit=1001"), "limit", 100, 1000)


def test_problems_of_pages_have_the_parts_of_their_sentences_too() -> None:
    with pytest.raises(HttpError) as caught:
        option(request(query="limit=x"), "limit", 100, 1000)
    said = json.loads(response(caught.value, "/api/v1/events").body)
    assert (said["field"], said["expected"], said["found"]) == (
        "limit", "a number from 0 to 1000", "'x'",
    )  # fmt: skip
