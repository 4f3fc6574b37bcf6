from __future__ import annotations

import base64
import json
from typing import Any

import pytest

ROLE = "DeviceManagementManagedDevices.PrivilegedOperations.All"
GRAPH = "https://graph.microsoft.com"
SOON, PAST = 1_700_009_000, 1_700_000_500


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {"authorization": "Basic eDp5"}])
async def test_without_a_bearer_token_nothing_is_done(graph: Any, ask: Any, headers: dict[str, str]) -> None:
    answer = await ask(graph, token=None, headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"aud": GRAPH, "exp": SOON, "roles": [ROLE]}, 204),
        ({"aud": "00000003-0000-0000-c000-000000000000", "exp": SOON, "scp": f"User.Read {ROLE}"}, 204),
        ({"aud": "https://graph.microsoft.us", "exp": SOON, "roles": [ROLE]}, 401),
        ({"aud": GRAPH, "exp": PAST, "roles": [ROLE]}, 401),
        ({"aud": GRAPH, "exp": SOON, "roles": ["Device.Read.All"]}, 403),
        ({"aud": GRAPH, "exp": SOON}, 403),
    ],
)
async def test_a_readable_token_is_judged_when_told_to(
    make_graph: Any, ask: Any, jwt_of: Any, claims: dict[str, Any], status: int
) -> None:
    checking, trusting = make_graph(check_tokens=True), make_graph()
    token = jwt_of(**claims)

    assert (await ask(checking, token=token)).status_code == status
    assert (await ask(trusting, token=token)).status_code == 204


async def test_403_names_the_scope(make_graph: Any, ask: Any, jwt_of: Any) -> None:
    answer = await ask(make_graph(check_tokens=True), token=jwt_of(aud=GRAPH, exp=SOON))

    assert answer.json()["error"]["code"] == "Forbidden"
    assert ROLE in answer.json()["error"]["message"]


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "only.two"])
async def test_a_token_that_cannot_be_read_is_not_judged(make_graph: Any, ask: Any, token: str) -> None:
    assert (await ask(make_graph(check_tokens=True), token=token)).status_code == 204


async def test_a_claims_challenge_ends_with_a_new_token(graph: Any, ask: Any) -> None:
    graph.challenge_token()

    challenged = await ask(graph, token="old")
    answers = [(await ask(graph, token=token)).status_code for token in ("old", "new", "old", "newer")]

    claims = challenged.headers["www-authenticate"].split('claims="')[1].split('"')[0]
    assert 'error="insufficient_claims"' in challenged.headers["www-authenticate"]
    assert "access_token" in json.loads(base64.b64decode(claims))
    assert challenged.status_code == 401
    assert answers == [401, 204, 401, 204]


async def test_tokens_can_be_refused_for_good(graph: Any, ask: Any) -> None:
    graph.revoke_token(forever=True)

    answers = [(await ask(graph, token=token)).status_code for token in ("one", "two", "three")]

    assert answers == [401, 401, 401]
