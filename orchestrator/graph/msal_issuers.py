"""How a token is fetched with each credential: MSAL, blocking, and always anew, for `auth.py` keeps the token."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msal
import requests
from msal.exceptions import MsalError

from orchestrator.domain.errors import SignInRefused, SignInUnreachable
from orchestrator.domain.proxy import without_sign_in
from orchestrator.graph.certificates import KeyFiles, KeyPair
from orchestrator.graph.credentials import ClientCertificate, ClientSecret
from orchestrator.graph.issuers import IssuedToken, checked
from orchestrator.graph.peer import issuer_of
from orchestrator.graph.proxies import REFUSED_HINT, UNREACHABLE_HINT, describe_proxy_answer, proxy_for
from orchestrator.graph.refusals import refusal_in
from orchestrator.graph.sessions import AuthoritySession


@dataclass(frozen=True, slots=True)
class Registration:
    """The app that signs in, and where."""

    client_id: str
    authority: str
    scope: str
    portal: str
    session: requests.Session = field(repr=False)

    def msal_options(self) -> dict[str, Any]:
        """The arguments of both kinds of MSAL application.

        Every authority is known or configured, so no other server is asked whether it is one.
        CP1 says that we answer claims challenges: tokens may live longer, and are revoked by a challenge.
        """
        return {
            "authority": self.authority,
            "http_client": self.session,
            "client_capabilities": ["CP1"],
            "instance_discovery": False,
        }


class AppIssuer:
    """Signs the app itself in, by secret or certificate; what changed on disk is taken up."""

    def __init__(
        self, registration: Registration, credential: ClientSecret | ClientCertificate, key_files: KeyFiles
    ) -> None:
        self._registration, self._credential, self._key_files = registration, credential, key_files
        self._app: Any = None
        self._made_with: object = None

    def issue(self, claims: str | None) -> IssuedToken:
        """A token for the app."""
        proof = self._proof()
        with asking(self._registration.authority, self._registration.session):
            if self._app is None or proof != self._made_with:
                self._app = msal.ConfidentialClientApplication(
                    self._registration.client_id,
                    client_credential=self._credential_for_msal(proof),
                    **self._registration.msal_options(),
                )
                self._made_with = proof
            self._app.remove_tokens_for_client()
            answer = self._app.acquire_token_for_client([self._registration.scope], claims_challenge=claims)
        return _issued(answer, self._registration.portal)

    def abandon(self) -> None:
        """Does nothing: no sign-in of this kind waits for a person."""

    def _credential_for_msal(self, proof: str | KeyPair) -> str | dict[str, object]:
        if isinstance(proof, str):
            return proof

        def assertion(context: Mapping[str, str]) -> str:
            # MSAL itself would parse the key anew for every token.
            return proof.assertion(context["client_id"], context["token_endpoint"])

        return {"client_assertion": assertion}

    def _proof(self) -> str | KeyPair:
        match self._credential:
            case ClientSecret(secret):
                return secret().strip()
            case ClientCertificate(path, password):
                return self._key_files.read(path, password() if password is not None else None)


class DeviceIssuer:
    """Signs a person in: once with a browser, after that by the refresh token for as long as it lasts."""

    def __init__(self, registration: Registration, prompt: Callable[[str], None]) -> None:
        self._registration, self._prompt = registration, prompt
        self._app: Any = None
        self._flow: dict[str, Any] = {}

    def issue(self, claims: str | None) -> IssuedToken:
        """A token for the person."""
        with asking(self._registration.authority, self._registration.session):
            if self._app is None:
                self._app = msal.PublicClientApplication(
                    self._registration.client_id, **self._registration.msal_options()
                )
            answer = self._silently(claims) or self._by_browser(claims)
        return _issued(answer, self._registration.portal)

    def abandon(self) -> None:
        """Let the polling see that its time is over."""
        self._flow["expires_at"] = 0

    def _silently(self, claims: str | None) -> Mapping[str, Any] | None:
        for account in self._app.get_accounts():
            answer = self._app.acquire_token_silent(
                [self._registration.scope], account, force_refresh=True, claims_challenge=claims
            )
            if answer and "access_token" in answer:
                return dict(answer)
        return None

    def _by_browser(self, claims: str | None) -> Mapping[str, Any]:
        self._flow = self._app.initiate_device_flow([self._registration.scope], claims_challenge=claims)
        if "user_code" in self._flow:
            self._prompt(str(self._flow.get("message", "")))
            return dict(self._app.acquire_token_by_device_flow(self._flow, claims_challenge=claims))
        return self._flow


class IdentityIssuer:
    """Signs in as the Azure resource we run on."""

    def __init__(self, client_id: str | None, resource: str, portal: str, session: requests.Session) -> None:
        self._identity = (
            msal.UserAssignedManagedIdentity(client_id=client_id) if client_id else msal.SystemAssignedManagedIdentity()
        )
        self._resource, self._portal, self._session = resource, portal, session

    def issue(self, claims: str | None) -> IssuedToken:
        """A token for the identity."""
        with asking("The managed identity endpoint (is this an Azure resource with an identity?)", self._session):
            # A client of its own each time: the one before would answer from its cache.
            client = msal.ManagedIdentityClient(self._identity, http_client=self._session, client_capabilities=["CP1"])
            answer = client.acquire_token_for_client(resource=self._resource, claims_challenge=claims)
        return _issued(answer, self._portal)

    def abandon(self) -> None:
        """Does nothing: no sign-in of this kind waits for a person."""


@contextmanager
def asking(authority: str, session: requests.Session) -> Iterator[None]:
    """MSAL's failures become ours; afterwards no connection stays open, for the next question comes in an hour."""
    try:
        yield
        if (said := _stranger(session)) is not None:
            raise SignInUnreachable(said)
    except requests.exceptions.SSLError as problem:
        raise SignInUnreachable(_untrusted(authority, problem)) from problem
    except requests.exceptions.ProxyError as problem:
        raise SignInUnreachable(_refused_by_proxy(authority, problem)) from problem
    except (requests.RequestException, MsalError, RuntimeError) as problem:
        said = _stranger(session) or f"{authority} cannot be reached or is unwell: {_short(problem)}"
        raise SignInUnreachable(said) from problem
    except (ValueError, KeyError, TypeError) as problem:
        if (said := _stranger(session)) is not None:
            raise SignInUnreachable(said) from problem
        if authority.casefold().startswith("http:"):
            # MSAL asks nothing there.
            raise SignInUnreachable(
                f"A sign-in authority must be https://, and {authority} is not. Check MUSTER_AUTHORITY."
            ) from problem
        # MSAL raises these where an authority is none, or knows no such tenant.
        raise SignInRefused(
            f"{authority} gave no sign-in for this tenant: check MUSTER_TENANT_ID, MUSTER_CLOUD and MUSTER_AUTHORITY."
        ) from problem
    finally:
        session.close()


def _untrusted(authority: str, problem: requests.exceptions.SSLError) -> str:
    # Signing in is work of a thread of its own, in which no loop runs.
    issuer = asyncio.run(issuer_of(authority, proxy_for(authority)))
    by = f", issued by “{issuer}”" if issuer else ""
    return (
        f"{authority} shows a certificate that is not trusted{by}. Where a proxy inspects TLS, name its certificates "
        f"in MUSTER_CA_BUNDLE. ({_short(problem)})"
    )


def _refused_by_proxy(authority: str, problem: requests.exceptions.ProxyError) -> str:
    proxy = without_sign_in(proxy_for(authority) or "")
    answered = _TUNNEL.search(str(problem))
    said = "the proxy cannot be reached" if answered is None else describe_proxy_answer(int(answered["status"]))
    hint = UNREACHABLE_HINT if answered is None else REFUSED_HINT
    return f"{authority} cannot be reached through the proxy {proxy}: {said}. {hint}"


def _stranger(session: requests.Session) -> str | None:
    """The answer to the latest request that did not come from the authority."""
    return session.stranger if isinstance(session, AuthoritySession) else None


def _issued(answer: Mapping[str, Any] | None, portal: str) -> IssuedToken:
    answer = answer or {}
    if "access_token" not in answer:
        raise refusal_in(answer, portal)
    return IssuedToken(
        checked(str(answer["access_token"])), _seconds(answer.get("expires_in")), _seconds(answer.get("refresh_in"))
    )


def _seconds(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None


def _short(problem: BaseException) -> str:
    # Around the reason stand the pool, the retries and the whole address.
    reason = getattr(problem.args[0], "reason", None) if problem.args else None
    return " ".join(_CONNECTION.sub("", str(reason or problem)).split())[:200] or type(problem).__name__


_CONNECTION = re.compile(r"^\S*Connection\([^)]*\): ")
"""The object of urllib3 before the reason."""
_TUNNEL = re.compile(r"Tunnel connection failed: (?P<status>\d{3})")
