"""The OpenAPI document: valid, complete, and reachable without a key."""

from __future__ import annotations

from openapi_pydantic.v3.v3_1 import OpenAPI
from tests.support.api import ROUTES, Api

UNDOCUMENTED = {"open_sign_in", "sign_in", "sign_out", "show_home", "show_place", "open_app"}
"""Pages for people."""


# SPEC: API-02
def test_the_document_is_openapi_3_1_and_has_every_route(local_api: Api) -> None:
    document = local_api.get("/openapi.json", key=None)
    assert document["openapi"].startswith("3.1")
    OpenAPI.model_validate(document)
    operations = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }
    assert set(operations) == set(ROUTES) - UNDOCUMENTED
    for name, operation in operations.items():
        assert operation["description"], name
        assert operation["responses"]["default"]["content"]["application/json"]["schema"], name
        assert "422" not in operation["responses"], name


# SPEC: API-07
def test_health_and_version_need_no_key(local_api: Api) -> None:
    assert local_api.get("/healthz", key=None) == {"status": "ok"}
    version = local_api.get("/api/v1/version", key=None)
    assert (version["name"], version["engine_version"]) == ("runyard", 2)
