from __future__ import annotations

import base64

import pytest

from orchestrator.graph.challenges import claims_wanted

CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"},"x":"??>>"}}'
STANDARD = base64.b64encode(CLAIMS.encode()).decode()


def challenge(claims: str, error: str = "insufficient_claims") -> dict[str, str]:
    return {"WWW-Authenticate": f'Bearer realm="", authorization_uri="https://x.example", error="{error}", {claims}'}


@pytest.mark.parametrize(
    "encoded",
    [STANDARD, STANDARD.rstrip("="), base64.urlsafe_b64encode(CLAIMS.encode()).decode(), STANDARD + "==="],
)
def test_the_claims_are_read_in_every_alphabet_and_padding(encoded: str) -> None:
    assert claims_wanted(challenge(f'claims="{encoded}"')) == CLAIMS
    assert claims_wanted(challenge(f"claims={encoded}")) == CLAIMS


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"www-authenticate": 'Bearer realm=""'},
        challenge(f'claims="{STANDARD}"', error="invalid_token"),
        challenge('claims="%%%"'),
        challenge('claims=""'),
        challenge('claims="YQ=="'),
        challenge('claims="WzFd"'),
        challenge('claims="gICA"'),
        challenge("nothing"),
        challenge('claims="' + "A" * 20_000 + '"'),
    ],
)
def test_what_is_no_challenge_asks_for_nothing(headers: dict[str, str]) -> None:
    assert claims_wanted(headers) is None
