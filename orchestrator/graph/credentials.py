"""The ways to sign in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.graph.secrets import Secret


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
    """A token that was fetched outside of Muster, used as it is."""

    token: Secret = field(repr=False)


Credential = ClientSecret | ClientCertificate | ManagedIdentity | DeviceCode | AccessToken
