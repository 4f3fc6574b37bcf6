from __future__ import annotations

import pytest

from orchestrator.domain.errors import SignInRefused, SignInUnreachable
from orchestrator.graph.refusals import refusal_in

PORTAL = "https://portal.azure.com"


def test_a_refusal_says_what_was_said_and_what_to_mend() -> None:
    answer = {
        "error": "invalid_client",
        "error_description": (
            "AADSTS7000222: The provided client secret keys for app '1' are expired. Visit the Azure portal to create"
            " new keys. Trace ID: 2 Correlation ID: 3 Timestamp: 2026-03-02 09:00:00Z"
        ),
    }

    refusal = refusal_in(answer, PORTAL)

    assert isinstance(refusal, SignInRefused)
    assert str(refusal) == (
        "Sign-in was refused (invalid_client: AADSTS7000222: The provided client secret keys for app '1' are expired). "
        "The client secret has expired. Make a new one. "
        "See https://portal.azure.com, App registrations, Certificates & secrets."
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "temporarily_unavailable", "error_description": "AADSTS90033: A transient error has occurred."},
        {"error": "too_many_requests"},
        {"error": "invalid_request", "error_description": "AADSTS90055: Throttled."},
    ],
)
def test_an_authority_that_is_unwell_is_unreachable_not_a_refusal(answer: dict[str, object]) -> None:
    assert isinstance(refusal_in(answer, PORTAL), SignInUnreachable)


@pytest.mark.parametrize(
    "answer",
    [{}, {"error": None}, {"error": 7, "error_description": []}, {"error": "new", "error_description": "{not} ours"}],
)
def test_an_answer_that_explains_nothing_is_still_a_refusal_with_a_hint(answer: dict[str, object]) -> None:
    refusal = refusal_in(answer, PORTAL)

    assert isinstance(refusal, SignInRefused)
    assert "MUSTER_CLIENT_ID" in str(refusal)


def test_a_long_description_is_cut_to_its_first_sentence() -> None:
    refusal = refusal_in({"error": "e", "error_description": "First.\r\nSecond. " + "x" * 10_000}, PORTAL)

    assert "(e: First)" in str(refusal)
