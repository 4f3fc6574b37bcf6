"""A valid token; one refresh however many callers wait."""

from __future__ import annotations

import asyncio
import math
import ssl
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import SignInRefused, SignInUnreachable
from orchestrator.graph.certificates import KeyFiles
from orchestrator.graph.clouds import CloudAddresses
from orchestrator.graph.credentials import AccessToken, Credential, DeviceCode, ManagedIdentity
from orchestrator.graph.issuers import GivenToken, IssuedToken, TokenIssuer
from orchestrator.graph.msal_issuers import AppIssuer, DeviceIssuer, IdentityIssuer, Registration
from orchestrator.graph.sessions import authority_session, identity_session
from orchestrator.graph.sign_in_threads import Run
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


def sign_in_with(
    credential: Credential,
    *,
    addresses: CloudAddresses,
    tenant_id: str,
    client_id: str,
    trust: ssl.SSLContext,
    clock: Clock,
    authority: str | None = None,
    run: Run = asyncio.to_thread,
    key_files: KeyFiles | None = None,
) -> SignIn:
    """The sign-in of an app in a tenant of a cloud; `authority` stands in for the cloud's own.

    `run` calls what blocks in a thread; `key_files` are shared by all sign-ins of a process.
    """
    match credential:
        case AccessToken(token):
            return SignIn(GivenToken(token), clock, run)
        case ManagedIdentity(identity_id):
            issuer = IdentityIssuer(identity_id, addresses.root, addresses.portal, identity_session())
            return SignIn(issuer, clock, run)
    tenant = f"{(authority or addresses.authority).rstrip('/')}/{quote(tenant_id, safe='')}"
    registration = Registration(client_id, tenant, addresses.scope, addresses.portal, authority_session(trust))
    if isinstance(credential, DeviceCode):
        return SignIn(DeviceIssuer(registration, credential.prompt), clock, run)
    return SignIn(AppIssuer(registration, credential, key_files or KeyFiles()), clock, run)


class SignIn:
    """Keeps one token for a process; belongs to one event loop."""

    def __init__(self, issuer: TokenIssuer, clock: Clock, run: Run = asyncio.to_thread) -> None:
        self._issuer, self._clock, self._run = issuer, clock, run
        self._held: _Held | None = None
        self._fetching: _Fetching | None = None

    async def token(self) -> str:
        """A token that is valid by all we know; fetched ahead of its end while the one before is still in use."""
        held, now = self._held, self._clock.monotonic()
        if held is None or now >= held.expires_at:
            return await self._fetched(claims=None)
        if now >= held.refresh_at:
            self._fetch(claims=None)
        return held.text

    async def renew(self, refused: str, *, claims: str | None = None) -> str:
        """Another token than the one that Graph refused; later callers get the token that the first one fetched."""
        if self._held is not None and self._held.text != refused:
            return self._held.text
        self._held = None
        renewed = await self._fetched(claims=claims)
        if renewed == refused:
            raise SignInRefused("The sign-in gives the same token again, and Graph refuses it.")
        return renewed

    async def _fetched(self, *, claims: str | None) -> str:
        # Shielded: one caller that is cancelled takes the token from none of the others.
        return (await asyncio.shield(self._fetch(claims=claims))).text

    def _fetch(self, *, claims: str | None) -> asyncio.Task[_Held]:
        under_way = self._fetching
        if under_way is None or under_way.task.done() or claims not in {None, under_way.claims}:
            under_way = self._fetching = _Fetching(asyncio.create_task(self._issue(claims)), claims)
            under_way.task.add_done_callback(_read_result)
        return under_way.task

    async def _issue(self, claims: str | None) -> _Held:
        asked_at = self._clock.monotonic()
        try:
            issued = await self._run(self._issuer.issue, claims)
        except (SignInRefused, SignInUnreachable) as failure:
            log.warning("sign_in.failed", reason=str(failure), has_token=self._held is not None)
            if self._held is not None:
                self._held = replace(self._held, refresh_at=self._clock.monotonic() + _PAUSE)
            raise
        except asyncio.CancelledError:
            self._issuer.abandon()
            raise
        self._held = held = _held(issued, asked_at)
        log.info("sign_in.token_fetched", expires_in=issued.expires_in, with_claims=claims is not None)
        return held


@dataclass(frozen=True, slots=True)
class _Held:
    """A token in use, with times on the monotonic clock."""

    text: str = field(repr=False)
    refresh_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class _Fetching:
    task: asyncio.Task[_Held]
    claims: str | None


def _held(issued: IssuedToken, asked_at: float) -> _Held:
    if issued.expires_in is None:
        return _Held(issued.text, math.inf, math.inf)
    life = issued.expires_in
    early = life - _AHEAD if life > 2 * _AHEAD else life / 2
    return _Held(issued.text, asked_at + min(early, issued.refresh_in or early), asked_at + life)


def _read_result(task: asyncio.Task[_Held]) -> None:
    # A refresh ahead of time may have no waiter; an exception that is never read would be reported as a leak.
    if not task.cancelled():
        task.exception()


_AHEAD = 300.0
_PAUSE = 30.0
