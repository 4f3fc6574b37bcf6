from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from orchestrator.simulator.issuing import Registration

TENANT = "aaaaaaaa-0000-4000-8000-000000000001"
APP = "bbbbbbbb-0000-4000-8000-000000000001"
ROLE = "DeviceManagementManagedDevices.PrivilegedOperations.All"
FORM = {"content-type": "application/x-www-form-urlencoded", "client-request-id": "c-1"}


async def token(ask: Any, graph: Any, wanted: str = "token", **form: str) -> Any:
    default = {"client_id": APP, "scope": "https://graph.microsoft.com/.default"}
    return await ask(
        graph,
        path=f"/{TENANT}/oauth2/v2.0/{wanted}",
        body=urlencode(default | form).encode(),
        headers=FORM,
        token=None,
    )


async def test_a_secret_buys_a_token_for_the_scope_asked(graph: Any, ask: Any) -> None:
    answer = await token(ask, graph, grant_type="client_credentials", client_secret="s")

    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["tid"], claims["appid"]) == ("https://graph.microsoft.com", TENANT, APP)
    assert claims["roles"] == [ROLE]
    assert claims["exp"] - claims["iat"] == answer.json()["expires_in"] == 3599
    assert graph.entra.requests == {"client_credentials": 1}


async def test_a_token_of_entra_opens_graph_that_checks(make_graph: Any, ask: Any) -> None:
    graph = make_graph(check_tokens=True)
    bought = await token(ask, graph, grant_type="client_credentials", client_secret="s")

    assert (await ask(graph, token=bought.json()["access_token"])).status_code == 204


async def test_a_token_lives_as_long_as_told(make_graph: Any, ask: Any, stepped: Any) -> None:
    graph = make_graph(check_tokens=True)
    graph.entra.mint.lifetime = 60
    bought = (await token(ask, graph, grant_type="client_credentials", client_secret="s")).json()["access_token"]

    stepped.advance(59)
    alive = await ask(graph, token=bought)
    stepped.advance(1)
    expired = await ask(graph, token=bought)

    assert (alive.status_code, expired.status_code) == (204, 401)


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        (
            {"grant_type": "client_credentials", "client_secret": "right", "client_id": "other"},
            400,
            "unauthorized_client",
        ),
        ({"grant_type": "client_credentials", "client_secret": "right", "scope": "User.Read"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_grant"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "x"}, 400, "invalid_grant"),
    ],
)
async def test_a_registered_app_must_prove_itself(
    graph: Any, ask: Any, form: dict[str, str], status: int, error: str
) -> None:
    graph.entra.register(Registration(APP, secret="right"))

    answer = await token(ask, graph, **form)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"].startswith("AADSTS")


async def test_a_person_approves_after_some_polls_and_may_be_refreshed(graph: Any, ask: Any) -> None:
    graph.entra.grants.polls_before_approval = 2
    code = (await token(ask, graph, "devicecode")).json()["device_code"]
    poll = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": code}

    answers = [await token(ask, graph, **poll) for _ in range(3)]
    refreshed = await token(ask, graph, grant_type="refresh_token", refresh_token=answers[2].json()["refresh_token"])

    assert [answer.json().get("error") for answer in answers] == ["authorization_pending"] * 2 + [None]
    claims = jwt.decode(refreshed.json()["access_token"], options={"verify_signature": False})
    assert (claims["scp"], claims["idtyp"]) == (ROLE, "user")


async def test_a_person_may_decline(graph: Any, ask: Any) -> None:
    graph.entra.grants.declines_people = True
    code = (await token(ask, graph, "devicecode")).json()["device_code"]

    answer = await token(ask, graph, grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code=code)

    assert answer.json()["error"] == "authorization_declined"


async def test_the_endpoint_misbehaves_on_request(graph: Any, ask: Any, stepped: Any) -> None:
    form = {"grant_type": "client_credentials", "client_secret": "s"}
    graph.refuse_tokens("temporarily_unavailable", retry_after="12", times=1)
    graph.answer_tokens_with_html(times=1)
    graph.slow_tokens(9, times=3)

    unwell, page, fine = [await token(ask, graph, **form) for _ in range(3)]

    assert (unwell.status_code, unwell.headers["retry-after"]) == (503, "12")
    assert "<html>" in page.text
    assert "access_token" in fine.json()
    assert stepped.pauses == [9]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/msi/token?resource=https%3A%2F%2Fgraph.microsoft.com", {"x-identity-header": "right"}, 200),
        ("/msi/token?resource=https%3A%2F%2Fgraph.microsoft.com", {"x-identity-header": "wrong"}, 401),
        ("/msi/token?resource=https%3A%2F%2Fgraph.microsoft.com", {}, 401),
        ("/metadata/identity/oauth2/token?resource=https%3A%2F%2Fgraph.microsoft.com", {"metadata": "true"}, 200),
        ("/metadata/identity/oauth2/token?resource=https%3A%2F%2Fgraph.microsoft.com", {}, 400),
    ],
)
async def test_a_managed_identity_needs_its_header(
    graph: Any, ask: Any, path: str, headers: dict[str, str], status: int
) -> None:
    graph.entra.identity_header = "right"

    answer = await ask(graph, path=path, method="GET", headers=headers, token=None)

    assert answer.status_code == status
    if status == 200:
        claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
        assert claims["aud"] == "https://graph.microsoft.com"
        assert int(answer.json()["expires_on"]) == claims["exp"]
