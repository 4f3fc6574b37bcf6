"""The API as others have come to know it: whoever changes it sees what changes."""

from __future__ import annotations

import json
import os

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
