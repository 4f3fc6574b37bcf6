"""Signing people in through Entra ID: OpenID Connect with an authorization code, done by MSAL."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import msal

from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import SignInRefused, SignInUnreachable
from orchestrator.domain.people import Identified, Person
from orchestrator.graph.msal_issuers import asking
from orchestrator.graph.secrets import Secret
from orchestrator.graph.sessions import authority_session
from orchestrator.graph.sign_in_threads import SignInThreads
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

_AGAIN_SINCE = "muster_again_since"
_NO_ANSWER = "What Entra sent is not the answer to what we asked. Sign in again."
_ABOUT_THE_PERSON = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})
"""What Entra answers where the person, and not the app or the network, is why there is no token."""

_SKEW = 300
"""Seconds that the clocks of Entra and of this machine may differ."""


class PeopleSignIn:
    """One app registration through which people come in."""

    def __init__(
        self,
        tenant_id: str,
        client_id: str,
        secret: Secret,
        *,
        authority: str,
        back_to: str,
        trust: ssl.SSLContext,
        clock: Clock,
    ) -> None:
        self._tenant_id, self._client_id, self._secret = tenant_id, client_id, secret
        self._authority, self._back_to, self._clock = authority, back_to, clock
        self._session = authority_session(trust)
        # Not asyncio's own threads, which read files and make reports; and not those in which the apps sign in.
        self._run = SignInThreads().run
        # A form posted from Entra's site would come without our cookie, which says whose sign-in it is. The code in the
        # address is good once, with a proof that only we have, and the browser is sent on at once.
        warnings.filterwarnings("ignore", message="response_mode='form_post' is recommended")

    async def begin(self, *, again: bool = False) -> tuple[str, str, str]:
        """Where to send a person, the state that they come back with, and what is to be remembered meanwhile.

        With `again` Entra asks for the password (or what stands for it) anew, and says when the person gave it.
        """
        flow = await self._run(self._begin, again)
        return str(flow["auth_uri"]), str(flow["state"]), json.dumps(flow)

    async def finish(self, remembered: str, answer: Mapping[str, str]) -> Identified:
        """Who came back; SignInRefused where Entra said no, or what it said cannot be trusted."""
        flow = json.loads(remembered)
        granted = await self._run(partial(self._finish, flow), answer)
        claims = granted.get("id_token_claims")
        if not isinstance(claims, Mapping):
            raise SignInRefused(f"Entra did not sign you in. It said: {_error_line(granted)}")
        nonce = hashlib.sha256(str(flow["nonce"]).encode()).hexdigest()
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise SignInRefused(_NO_ANSWER)
        self._check(claims)
        if _AGAIN_SINCE in flow:
            _refuse_old_password(claims, float(flow[_AGAIN_SINCE]))
        return Identified(_person(claims), _token(granted))

    async def renew(self, refresh_token: str) -> Identified:
        """The person with the roles that they have now; SignInRefused where Entra lets them in no more.

        SignInUnreachable where Entra cannot be asked, or takes our own secret no more: that says nothing of the person.
        """
        try:
            granted = await self._run(self._renew, refresh_token)
        except SignInRefused as problem:
            raise SignInUnreachable(str(problem)) from problem
        claims = granted.get("id_token_claims")
        if isinstance(claims, Mapping):
            self._check(claims)
            return Identified(_person(claims), _token(granted))
        line = _error_line(granted)
        if granted.get("error") in _ABOUT_THE_PERSON:
            raise SignInRefused(f"Entra lets this person in no more. It said: {line}")
        raise SignInUnreachable(line)

    def _begin(self, again: bool) -> dict[str, Any]:  # noqa: FBT001 - a thread is given it by place
        asked = {"prompt": "login", "max_age": 0} if again else {"prompt": "select_account"}
        with asking(self._authority, self._session):
            flow = self._app().initiate_auth_code_flow([], redirect_uri=self._back_to, **asked)
        if again:
            # MSAL would look at the time by a clock of its own, and call an old one a fault.
            flow.pop("max_age", None)
            flow[_AGAIN_SINCE] = self._clock.now().timestamp()
        return cast("dict[str, Any]", flow)

    def _renew(self, refresh_token: str) -> dict[str, Any]:
        with asking(self._authority, self._session):
            granted = self._app().acquire_token_by_refresh_token(refresh_token, scopes=[])
        return cast("dict[str, Any]", granted or {})

    def _finish(self, flow: dict[str, Any], answer: Mapping[str, str]) -> dict[str, Any]:
        with asking(self._authority, self._session):
            granted = self._app().acquire_token_by_auth_code_flow(flow, dict(answer))
        return cast("dict[str, Any]", granted or {})

    def _app(self) -> Any:
        try:
            secret = self._secret()
        except SignInRefused as problem:
            # Shown before the user has signed in: where the secret is stored is for the log alone.
            log.error("people.no_secret", reason=str(problem))  # noqa: TRY400 - nothing of ours broke
            raise SignInRefused("The secret that people are signed in with cannot be read; the log says why.") from None
        # A new one each time: no user's tokens stay in a cache, and a secret that was renewed counts from now on.
        return msal.ConfidentialClientApplication(
            self._client_id,
            client_credential=secret,
            authority=f"{self._authority}/{self._tenant_id}",
            http_client=self._session,
            instance_discovery=False,
        )

    def _check(self, claims: Mapping[str, Any]) -> None:
        """SignInRefused for a token that is not the answer to our question.

        It came from the token endpoint itself, over TLS, which stands for its signature:
        https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation (6). MSAL validates nothing of it.
        """
        now = self._clock.now().timestamp()
        is_ours = (
            str(claims.get("aud", "")).lower() == self._client_id.lower()
            and _is_time(claims.get("exp"))
            and now < float(claims["exp"]) + _SKEW
        )
        # A tenant may be configured by its domain: then only the authority's own address binds it.
        of_tenant = "." in self._tenant_id or str(claims.get("tid", "")).lower() == self._tenant_id.lower()
        if not is_ours or not of_tenant:
            raise SignInRefused(_NO_ANSWER)


def _person(claims: Mapping[str, Any]) -> Person:
    name = claims.get("preferred_username") or claims.get("name") or claims.get("oid")
    roles = claims.get("roles", [])
    has_ids = isinstance(claims.get("tid"), str) and isinstance(claims.get("oid"), str)
    typed_at = claims.get("auth_time")
    return Person(
        str(name),
        frozenset(str(role) for role in roles if isinstance(role, str)),
        f"{claims['tid']}/{claims['oid']}".lower() if has_ids else None,
        datetime.fromtimestamp(float(typed_at), UTC) if typed_at is not None and _is_time(typed_at) else None,
    )


def _refuse_old_password(claims: Mapping[str, Any], since: float) -> None:
    """SignInRefused where the person did not prove anew who they are; a browser can drop what asks for it."""
    typed_at = claims.get("auth_time")
    if typed_at is None or not _is_time(typed_at):
        raise SignInRefused(
            "Entra does not say when you signed in. Add the optional claim auth_time to the ID token of the app "
            "registration (Token configuration), or make keys with `muster key create`."
        )
    if float(typed_at) < since - _SKEW:
        raise SignInRefused("Entra did not ask who you are. Sign in again, and give your password.")


def _token(granted: Mapping[str, Any]) -> str | None:
    token = granted.get("refresh_token")
    return token if isinstance(token, str) else None


def _error_line(granted: Mapping[str, Any]) -> str:
    lines = str(granted.get("error_description") or granted.get("error") or "nothing").splitlines()
    return lines[0] if lines else "nothing"


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
