"""The API as others have come to know it: whoever changes it sees what changes."""

from __future__ import annotations

import json
import os
from typing import Any

from orchestrator.asgi import make_app
from orchestrator.settings import Settings
from tests.support.checkout import ROOT

SNAPSHOT = ROOT / "docs" / "openapi.json"


def test_the_document_is_the_one_that_is_kept() -> None:
    document = make_app(Settings(database_url="sqlite://")).openapi()
    document["info"]["version"] = "any"
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    if os.environ.get("MUSTER_TEST_SNAPSHOT") == "write":
        SNAPSHOT.write_text(text, encoding="utf-8")

    # MUSTER_TEST_SNAPSHOT=write writes it anew; then read the difference as a user of the API would.
    assert text == SNAPSHOT.read_text(encoding="utf-8")


def test_every_route_says_how_it_fails_and_what_it_is_for() -> None:
    document = make_app(Settings(database_url="sqlite://")).openapi()

    routes = [
        (path, route)
        for path, methods in document["paths"].items()
        for route in methods.values()
        if "health" not in path
    ]

    assert len({route["operationId"] for _, route in routes}) == len(routes)
    for path, route in routes:
        assert route["description"], path
        assert {"401", "403", "422", "503"} <= set(route["responses"]), path
        assert route["security"] == [{"key": []}], path


def test_what_has_a_tag_or_a_place_says_so() -> None:
    paths = make_app(Settings(database_url="sqlite://")).openapi()["paths"]
    routes = [(path, method, route) for path, methods in paths.items() for method, route in methods.items()]
    tagged = [
        route
        for path, method, route in routes
        if method == "get" and "health" not in path and "application/json" in route["responses"]["200"]["content"]
    ]
    changes = [route for _, method, route in routes if method in {"patch", "delete"}]
    made = {path: route["responses"]["201"] for path, _, route in routes if "201" in route["responses"]}

    assert len(tagged) > 10
    for route in tagged:
        assert "ETag" in route["responses"]["200"]["headers"]
        assert "304" in route["responses"]
        assert "If-None-Match" in _headers_of(route)
    assert len(changes) == 7
    for route in changes:
        assert "412" in route["responses"]
        assert "If-Match" in _headers_of(route)
    # A key is shown once, and stands nowhere by itself.
    placeless = {path for path, answer in made.items() if "Location" not in answer.get("headers", {})}
    assert placeless == {"/api/keys", "/api/keys/{key_id}/rotate"}


def _headers_of(route: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in route["parameters"] if parameter["in"] == "header"}
