from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from orchestrator.domain.tenant import NEEDED_PERMISSION, Permission
from orchestrator.graph.tokens import TokenClaims, is_for, misfit, permission, read_claims

GLOBAL = "https://graph.microsoft.com"


def a_token(payload: object) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{encoded}.signature"


def test_the_claims_of_an_app_are_read() -> None:
    claims = read_claims(
        a_token({"aud": GLOBAL, "tid": "t", "appid": "a", "roles": [NEEDED_PERMISSION, 7], "exp": 1_800_000_000})
    )

    assert claims == TokenClaims(
        GLOBAL, "t", "a", frozenset({NEEDED_PERMISSION}), frozenset(), datetime.fromtimestamp(1_800_000_000, UTC)
    )
    assert not claims.is_delegated


def test_the_claims_of_a_person_are_read() -> None:
    claims = read_claims(a_token({"azp": "a", "scp": f"openid {NEEDED_PERMISSION}"}))

    assert claims == TokenClaims(client_id="a", scopes=frozenset({"openid", NEEDED_PERMISSION}))
    assert claims.is_delegated


@pytest.mark.parametrize(
    "token",
    ["", "opaque", "a.b", "a.b.c.d", "a.%%%.c", "a.YQ.c", "a.WzFd.c", "a.\xe4\xf6.c", a_token(7), a_token(None)],
)
def test_a_token_that_cannot_be_read_is_not_judged(token: str) -> None:
    claims = read_claims(token)

    assert claims is None
    assert permission(claims) is Permission.UNREADABLE
    assert is_for(claims, GLOBAL)


def test_claims_of_wrong_types_are_as_good_as_none() -> None:
    claims = read_claims(a_token({"aud": [GLOBAL], "tid": 7, "roles": {"a": 1}, "scp": 5, "exp": 1e300}))

    assert claims == TokenClaims()


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (TokenClaims(roles=frozenset({NEEDED_PERMISSION})), Permission.GRANTED),
        (TokenClaims(scopes=frozenset({NEEDED_PERMISSION})), Permission.GRANTED),
        (TokenClaims(roles=frozenset({"DeviceManagementManagedDevices.Read.All"})), Permission.MISSING),
        (TokenClaims(), Permission.MISSING),
    ],
)
def test_the_needed_permission_is_there_or_not(claims: TokenClaims, expected: Permission) -> None:
    assert permission(claims) is expected


@pytest.mark.parametrize(
    ("audience", "fits"),
    [
        (GLOBAL, True),
        (GLOBAL + "/", True),
        ("00000003-0000-0000-c000-000000000000", True),
        (None, True),
        ("https://graph.microsoft.us", False),
        ("https://graph.microsoft.com.elsewhere.example", False),
        ("https://[broken", False),
        ("https://management.azure.com", False),
    ],
)
def test_a_token_for_another_cloud_does_not_fit(audience: str | None, fits: bool) -> None:  # noqa: FBT001 - a table
    assert is_for(TokenClaims(audience=audience), GLOBAL) is fits


@pytest.mark.parametrize(
    ("of_token", "configured", "fits"),
    [
        ("7b1c1f0e-0000-4000-8000-000000000001", "7B1C1F0E-0000-4000-8000-000000000001", True),
        ("7b1c1f0e-0000-4000-8000-000000000001", "7b1c1f0e-0000-4000-8000-000000000002", False),
        ("7b1c1f0e-0000-4000-8000-000000000001", "contoso.onmicrosoft.com", True),
        ("7b1c1f0e-0000-4000-8000-000000000001", None, True),
        (None, "7b1c1f0e-0000-4000-8000-000000000001", True),
    ],
)
def test_a_token_of_another_tenant_does_not_fit(
    of_token: str | None,
    configured: str | None,
    fits: bool,  # noqa: FBT001 - a table
) -> None:
    assert (misfit(TokenClaims(tenant_id=of_token), GLOBAL, configured) is None) is fits
