from __future__ import annotations

import pytest

from orchestrator.domain.outcome import GraphError
from orchestrator.graph.error_catalogue import meaning


def test_every_status_has_a_meaning_and_a_hint() -> None:
    for status in (None, 0, *range(200, 600)):
        said = meaning(GraphError("SomethingNobodySaw", "", status))

        assert all(text[0].isupper() or text[0] == "`" for text in said), status
        assert all(text.endswith(".") for text in said), status


@pytest.mark.parametrize(
    ("status", "code", "in_meaning", "in_hint"),
    [
        (404, "ResourceNotFound", "no managed device", "Entra"),
        (403, "Forbidden", "permission", "Intune licence"),
        (403, "accessDenied", "may not act", "Initiate Configuration Manager action"),
        (403, "ApprovalRequired", "Multi Admin Approval", "job resume"),
        (412, "PreconditionFailed", "Multi Admin Approval", "job resume"),
        (400, "NotSupported", "cannot take", "--only-eligible"),
        (405, "MethodNotAllowed", "no such action", "21Vianet"),
        (429, "TooManyRequests", "limit", "MUSTER_WRITE_LIMIT"),
        (401, "InvalidAuthenticationToken", "token", "tenant check"),
        (None, "TlsFailed", "not trusted", "MUSTER_CA_BUNDLE"),
        (None, "ConnectionLost", "may have happened", "job retry"),
        (200, "PartUnanswered", "envelope", "MUSTER_BATCHING"),
        (200, "HTTP200", "204", "proxy"),
    ],
)
def test_known_errors_say_what_to_mend(status: int | None, code: str, in_meaning: str, in_hint: str) -> None:
    said = meaning(GraphError(code, "", status))

    assert in_meaning in said.meaning
    assert in_hint in said.hint


def test_codes_are_known_in_any_letter_case() -> None:
    assert meaning(GraphError("NOTSUPPORTED", "", 501)) == meaning(GraphError("notSupported", "", 400))
