"""The protocol of token issuers, and the issuer of a given token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.domain.errors import TokenUnusable
from orchestrator.graph.secrets import Secret
from orchestrator.graph.tokens import plain_token


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A fresh token; seconds count from when it was asked for, None where nothing is known."""

    text: str = field(repr=False)
    expires_in: float | None = None
    refresh_in: float | None = None


class TokenIssuer(Protocol):
    """Fetches a token; every failure is a SignInRefused or a SignInUnreachable."""

    def issue(self, claims: str | None) -> IssuedToken:
        """A new token, with these claims if Graph asked for any. Blocks."""
        ...

    def abandon(self) -> None:
        """Let an `issue` that waits for a person end soon."""
        ...


class GivenToken:
    """Hands on a token that was fetched outside of Muster."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def issue(self, claims: str | None) -> IssuedToken:  # noqa: ARG002 - issuers that fetch a token need them
        """The token as it is now."""
        return IssuedToken(checked(self._token()))

    def abandon(self) -> None:
        """Does nothing: no sign-in of this kind waits for a person."""


def checked(token: str) -> str:
    """The token without what was copied along with it; TokenUnusable where it cannot stand in a header."""
    token = plain_token(token)
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenUnusable(
            "The access token is none: it is empty, or has blanks, line ends or letters in it that no token has. Fetch "
            "another, for example for MUSTER_ACCESS_TOKEN, and take it whole."
        )
    return token
