"""Sentences about a failed sign-in for the person who can mend it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.domain.errors import SignInRefused, SignInUnreachable
from orchestrator.graph.plain_text import one_line


def refusal_in(answer: Mapping[str, object], portal: str) -> SignInRefused | SignInUnreachable:
    """The error that a sign-in authority's answer amounts to: what it said, and what to mend."""
    error = _text(answer.get("error")) or "no reason given"
    described = _text(answer.get("error_description")) or _text(answer.get("message"))
    code = _CODE.search(described)
    said = f"{error}: {_first_sentence(described)}" if described else error
    if error in _PASSING or (code is not None and code[0] in _PASSING):
        return SignInUnreachable(f"The sign-in authority is unwell ({said}).")
    hint = _HINTS.get(code[0] if code is not None else "") or _HINTS.get(error) or _HINTS["invalid_client"]
    return SignInRefused(f"Sign-in was refused ({said}). {hint.format(portal=portal)}")


def _first_sentence(text: str) -> str:
    # After this come trace ids, and sometimes the request itself.
    line = one_line(text, 1000)
    for end in (" Trace ID:", " Correlation ID:", ". "):
        line = line.partition(end)[0]
    return one_line(line, 240).rstrip(".")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


_CODE = re.compile(r"AADSTS\d{4,8}")
_PASSING = frozenset(
    {
        "temporarily_unavailable",
        "server_error",
        "too_many_requests",
        "service_unavailable",
        "AADSTS50196",
        "AADSTS90033",
        "AADSTS90055",
        "AADSTS90006",
        "AADSTS90012",
    }
)
_REGISTRATION = "See {portal}, App registrations, Certificates & secrets."
_HINTS = {
    # https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    "AADSTS7000215": "The client secret is wrong: take the Value of a secret, not its Secret ID. " + _REGISTRATION,
    "AADSTS7000222": "The client secret has expired. Make a new one. " + _REGISTRATION,
    "AADSTS700016": "No such app in this tenant: check MUSTER_CLIENT_ID, MUSTER_TENANT_ID and MUSTER_CLOUD.",
    "AADSTS90002": "No such tenant in this cloud: check MUSTER_TENANT_ID and MUSTER_CLOUD.",
    "AADSTS900023": "MUSTER_TENANT_ID is no tenant id.",
    "AADSTS900382": "The app is registered in another cloud: check MUSTER_CLOUD.",
    "AADSTS700027": "The certificate is not one of the app's, or has expired. " + _REGISTRATION,
    "AADSTS7000218": "The app wants a secret: allow public client flows in {portal}, or sign in another way.",
    "AADSTS65001": "No administrator has consented: grant consent in {portal}, App registrations.",
    "AADSTS7000112": "The app is disabled in this tenant: see {portal}, Enterprise applications.",
    "AADSTS53003": "A Conditional Access policy blocks it: see the sign-in logs in {portal}.",
    "AADSTS50105": "The person is not assigned to the app: see {portal}, Enterprise applications.",
    "authorization_declined": "The person declined to sign in.",
    "authorization_pending": "No sign-in was made in time. Start again.",
    "expired_token": "No sign-in was made in time. Start again.",
    "code_expired": "No sign-in was made in time. Start again.",
    "invalid_scope": "Check MUSTER_CLOUD and the app's permissions.",
    "invalid_client": "Check MUSTER_TENANT_ID, MUSTER_CLIENT_ID and what it signs in with.",
}
