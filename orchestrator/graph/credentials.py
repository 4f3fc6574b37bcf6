"""The ways to sign in; secrets are read when they are needed, so that they may be changed on disk meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.domain.errors import SignInRefused

Secret = Callable[[], str]
"""Where a secret is read, each time a token is fetched."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A secret of the app registration."""

    secret: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate of the app registration with its private key, as PEM or PFX."""

    path: Path
    password: Secret | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """The identity of the Azure resource we run on; with a client id, one that was assigned to it."""

    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A person signs in with a browser; `prompt` is shown the sentence that says where and with which code."""

    prompt: Callable[[str], None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token that somebody else fetched, used as it is."""

    token: Secret = field(repr=False)


Credential = ClientSecret | ClientCertificate | ManagedIdentity | DeviceCode | AccessToken


def fixed(text: str) -> Secret:
    """A secret that does not change while we run."""
    return lambda: text


def kept_in(path: Path) -> Secret:
    """A secret in a file, read anew each time; blanks around it are not part of it."""

    def read() -> str:
        try:
            return path.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeError) as problem:
            raise SignInRefused(f"The secret in {path} cannot be read: {problem}") from problem

    return read
