"""The description of the API: valid OpenAPI 3.1, and true of what the front end answers."""

import json
import re
from typing import Any

import pytest

from innkeeper.api import direct
from innkeeper.api.routing import SOCKET
from innkeeper.sim.faults import NoFaults
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.zone import Zone
from tests.api.v1.rest.conftest import Door
from tests.api.v1.rest.test_resources import GUEST, IMAGE, NETWORK


@pytest.fixture
def description(door: Door) -> Any:
    answer = door.ask("GET", "/openapi.json")
    assert answer.status == 200 and answer.headers["etag"]
    return answer.body


@pytest.mark.slow
def test_it_is_valid(description: Any) -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(description, cls=validator.OpenAPIV31SpecValidator)
    broken = {**description, "paths": {"/vms": {"get": {"parameters": [{"name": 5}]}}}}
    assert not validator.OpenAPIV31SpecValidator(broken).is_valid()


def test_every_route_of_the_front_end_is_described_and_nothing_else() -> None:
    async def described(loop: VirtualLoop) -> None:
        zone = Zone(loop, NoFaults())
        await zone.start()
        application = zone.living.application()
        reply = await direct.exchange(application, "GET", "/api/v1/openapi.json")
        paths = {
            (verb.upper(), re.sub(r"/actions/.*", "/actions/{action}", f"/api/v1{path}"))
            for path, verbs in json.loads(reply.body)["paths"].items()
            for verb in verbs.keys() - {"parameters"}
        }
        routes = {
            (verb.replace(SOCKET, "GET"), pattern)
            for verb, pattern in application.table.routes()
            if pattern.startswith("/api/")
        }
        assert paths == routes and ("GET", "/api/v1/vms/{vm}/console") in paths

    run(described, seed=1)


def test_answers_fit_their_schemas(door: Door, description: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema")

    def check(schema: str, value: Any) -> None:
        whole = {"$ref": f"#/components/schemas/{schema}", "components": description["components"]}
        jsonschema.validate(value, whole, cls=jsonschema.Draft202012Validator)

    check("VmOutcome", door.post("/vms", {"template": GUEST}))
    door.post("/images", {"template": IMAGE})
    door.post("/networks", {"template": NETWORK})
    guest = "NAME=g\nCPU=1\nMEMORY=64\nNIC=[NETWORK_ID=0]\nDISK=[IMAGE_ID=0]"
    door.settle()
    number = door.post("/vms", {"template": guest})["id"]
    check(
        "VmOutcome", door.post(f"/vms/{number}/actions/deploy", {"host_id": door.add_host("node")})
    )
    check("OperationPage", door.get("/operations"))
    door.settle()
    check("Operation", door.get("/operations/0"))
    check("Problem", door.turned_down(404, "GET", "/vms/99"))
    check("Problem", door.turned_down(422, "POST", "/vms", {"template": 1}))
    for path, name in (
        ("vms", "Vm"), ("hosts", "Host"), ("images", "Image"), ("networks", "Network"), ("users", "User"),
        ("groups", "Group"), ("clusters", "Cluster"), ("datastores", "Datastore"),
        ("security-groups", "SecurityGroup"),
    ):  # fmt: skip
        check(f"{name}Page", door.get(f"/{path}"))
    with pytest.raises(jsonschema.ValidationError):
        check("Vm", {**door.get("/vms/0"), "state": "FLYING"})
