"""Who answered in a sign-in: the authority, or something on the way to it."""

from __future__ import annotations

import io
import json

import pytest
import requests

from orchestrator.graph.sessions import stranger_in


def answer(status: int, body: object) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.url = "https://user:secret@login.example/contoso/oauth2/v2.0/token"
    response.headers["Content-Type"] = "application/json"
    response.raw = io.BytesIO(json.dumps(body).encode())
    return response


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"message": "blocked"}),
        (403, {"error": "Forbidden"}),
        (400, {"error": "invalid request"}),
        (404, {"error": {"code": "NotFound", "message": "no"}}),
        (200, {"status": "ok"}),
        (200, ["access_token"]),
        (407, {"error": "invalid_client"}),
    ],
)
def test_json_that_no_authority_writes_is_a_strangers(status: int, body: object) -> None:
    said = stranger_in(answer(status, body))

    assert said is not None
    assert said.startswith("The sign-in at login.example cannot be reached: something between here and there answered")
    assert f"HTTP {status}" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"access_token": "a"}),
        (200, {"token_endpoint": "https://login.example/token"}),
        (400, {"error": "invalid_grant"}),
        (401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."}),
        (400, {"error": "Odd", "error_description": "AADSTS50000: There was an error."}),
    ],
)
def test_what_an_authority_writes_is_its_own(status: int, body: object) -> None:
    assert stranger_in(answer(status, body)) is None
