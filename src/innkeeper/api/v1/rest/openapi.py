"""The description of the API (OpenAPI 3.1), made of the table of resources and of nothing else."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from innkeeper import __version__
from innkeeper.api.routing import Route, SocketRoute

from .documents import document_method
from .listing import filters
from .shapes import structure
from .table import ROOT, Action, Resource

#: What every request may be refused with.
REFUSALS: Final = {
    "400": "The request cannot be read.",
    "401": "Nobody, or not this user, is authenticated.",
    "403": "The user may not do that.",
    "404": "There is no such object.",
    "409": "The state of the object does not allow it.",
    "412": "The object has changed (If-Match).",
    "415": "The body is not JSON.",
    "422": "A field has a value that cannot be.",
    "429": "Too much at once.",
    "503": "The store has failed.",
}
_PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457; `code` is the refusal's; `field`, `expected`, `found`: what is wrong with a request.",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
        "code": {"type": "string"}, "object": {"type": "integer"},
        "field": {"type": "string"}, "expected": {"type": "string"}, "found": {"type": "string"},
    },
}  # fmt: skip
PARAMETERS: Final = {
    "id": {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}},
    "key": {
        "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 128},
        "description": "The same request under the same key is carried out once and answered alike, for a day.",
    },
    "match": {
        "name": "If-Match", "in": "header", "schema": {"type": "string"},
        "description": "Only if the object is as it was when it had this ETag.",
    },
    "known": {
        "name": "If-None-Match", "in": "header", "schema": {"type": "string"},
        "description": "The ETag of what is known: 304 if it is still so.",
    },
    "wait": {
        "name": "wait", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 60},
        "description": "Seconds to wait for the end.",
    },
}  # fmt: skip


def _given(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/parameters/{name}"}


_ID, _KEY, _MATCH, _KNOWN, _WAIT = (_given(name) for name in PARAMETERS)


def _refused() -> dict[str, Any]:
    said = " ".join(f"{code}: {text}" for code, text in REFUSALS.items())
    return {
        "description": said,
        "content": {"application/problem+json": {"schema": _ref("Problem")}},
    }


def outcome(resource: Resource) -> type[msgspec.Struct]:
    """The type of the answer to a change."""
    operation: Any = dict[str, Any] | None
    fields = {
        "id": int,
        "result": int | str,
        "object": resource.shape | None,
        "operation": operation,
    }
    return structure(f"{resource.title}Outcome", fields)


def page(resource: Resource) -> type[msgspec.Struct]:
    """The type of a page of a list."""
    return structure(
        f"{resource.title}Page",
        {"items": list[resource.shape], "next": str | None},  # type: ignore[name-defined]
    )


#: A word of a path.
_WORD: Final = r"\w[\w.-]*"


def _verb(route: Route | SocketRoute) -> str:
    return route.verb.lower() if isinstance(route, Route) else "open"


def _described(route: Route | SocketRoute) -> dict[str, Any]:
    """A route that is written by hand. A WebSocket is opened by a GET."""
    path = route.pattern.removeprefix(ROOT).strip("/")
    names = re.findall(r"{(\w+)", path)
    tag = path.partition("/")[0]
    said: dict[str, Any] = {
        "operationId": f"{tag}.{_verb(route)}.{'.'.join(re.findall(_WORD, path)[1:])}".rstrip("."), "tags": [tag],
        "parameters": [*map(_place, names), *(_query(name, kind) for name, kind in route.query.items())],
    }  # fmt: skip
    refused = {"default": {"$ref": "#/components/responses/Refused"}}
    if isinstance(route, SocketRoute):
        done = {"101": {"description": "A WebSocket."}}
        return {"get": {**said, "summary": _first(route.handler), "responses": {**done, **refused}}}
    if route.body is not None:
        said["requestBody"] = {"content": _taken(route.body)}
    answered = {"description": "Done.", "content": _taken(route.answers)}
    return {
        route.verb.lower(): {
            **said, "summary": route.about or _first(route.handler),
            "responses": {"2XX": answered, **refused},
        }
    }  # fmt: skip


def _first(handler: Any) -> str:
    return str(handler.__doc__).partition("\n")[0]


def _place(name: str) -> dict[str, Any]:
    kind = "string" if name == "holder" else "integer"
    return {"name": name, "in": "path", "required": True, "schema": {"type": kind}}


def _taken(body: Any) -> dict[str, Any]:
    """What a body is: of a type, or of a kind of content."""
    return {body: {}} if isinstance(body, str) else _content(body.__name__)


def document(
    resources: Sequence[Resource], routes: Sequence[Route | SocketRoute] = ()
) -> dict[str, Any]:
    """The whole description: of resources, and of routes beside them."""
    own = [route for route in routes if route.pattern.startswith(ROOT)]
    said = [
        each for route in own if isinstance(route, Route) for each in (route.body, route.answers)
    ]
    types = [each for each in said if each is not None and not isinstance(each, str)]
    types += [kind for each in resources for kind in _types(each)]
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: dict[str, Any] = {}
    for resource in resources:
        _describe(resource, paths)
    for route in own:
        paths.setdefault(route.pattern.removeprefix(ROOT), {}).update(_described(route))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Innkeeper", "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": ROOT}],
        "security": [{"basic": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": _PROBLEM},
            "responses": {"Refused": _refused()},
            "parameters": PARAMETERS,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"}, "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }  # fmt: skip


def _types(resource: Resource) -> list[Any]:
    found: list[Any] = [resource.shape, page(resource), *resource.requests.values()]
    if resource.create or resource.changes or resource.delete or resource.actions:
        found.append(outcome(resource))
    return [*found, resource.patch] if resource.changes else found


def _describe(resource: Resource, paths: dict[str, Any]) -> None:
    title, many = resource.title, {}
    one: dict[str, Any] = {"parameters": [_ID]}
    many["get"] = _operation(
        resource, "list", f"The {resource.path} that the caller may use.", f"{title}Page",
        [_query(name, kind) for name, kind in filters(resource).items()] + [_KNOWN],
    )  # fmt: skip
    more = [_WAIT] if resource.past else []
    one["get"] = _operation(resource, "get", f"One {resource.label}.", title, [_KNOWN, *more])
    for shown, several in ((many, True), (one, False)):
        if document_method(resource, several):
            shown["get"]["responses"]["200"]["content"]["application/xml"] = {}
    if resource.create:
        many["post"] = _change(resource, resource.create, f"{title}Create", [_KEY], "201")
    if resource.changes:
        patch = _operation(resource, "update", " ".join(c.help for c in resource.changes),
                           f"{title}Outcome", [_KEY, _MATCH])  # fmt: skip
        one["patch"] = patch | {"requestBody": _body(f"{title}Patch")}
    if resource.delete:
        query = [_query(field.name, field.kind) for field in resource.delete.fields]
        one["delete"] = _change(resource, resource.delete, None, [_KEY, _MATCH, *query])
    paths[f"/{resource.path}"] = many
    paths[f"/{resource.path}/{{id}}"] = one
    for action in resource.actions:
        done = _change(resource, action, f"{title}{action.title}", [_KEY, _MATCH])
        paths[f"/{resource.path}/{{id}}/actions/{action.name}"] = {
            "parameters": [_ID],
            "post": done,
        }


def _change(
    resource: Resource, action: Action, body: str | None, parameters: list[Any], status: str = "200"
) -> dict[str, Any]:
    found = _operation(
        resource, action.name, action.help, f"{resource.title}Outcome", parameters, status
    )
    return found | {"requestBody": _body(body)} if body else found


def _operation(
    resource: Resource,
    name: str,
    text: str,
    answer: str,
    parameters: list[Any],
    status: str = "200",
) -> dict[str, Any]:
    responses: dict[str, Any] = {status: {"description": "Done.", "content": _content(answer)}}
    if name not in ("list", "get"):
        said = "Begun: Location is the operation, which can be awaited and cancelled."
        responses["202"] = {"description": said, "content": _content(answer)}
    return {
        "operationId": f"{resource.path}.{name}", "tags": [resource.path], "summary": text,
        "parameters": parameters, "responses": {**responses, "default": {"$ref": "#/components/responses/Refused"}},
    }  # fmt: skip


def _query(name: str, kind: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": msgspec.json.schema(kind)}


def _body(schema: str) -> dict[str, Any]:
    return {"content": _content(schema)}


def _content(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(schema)}}


def _ref(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}
