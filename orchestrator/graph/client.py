"""The one place where a request leaves for Graph."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import httpx

from orchestrator.domain.call import Call, EnvelopesRefused, MayLeave
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import SignInRefused, SignInUnreachable
from orchestrator.domain.outcome import (
    Accepted,
    Bar,
    Barred,
    Deferred,
    GraphError,
    Outcome,
    Refused,
    is_cut_off,
)
from orchestrator.graph.auth import SignIn
from orchestrator.graph.challenges import claims_wanted
from orchestrator.graph.clouds import is_cloud_root
from orchestrator.graph.envelopes import read_parts
from orchestrator.graph.provenance import error_of_stranger, is_stranger_on_the_way
from orchestrator.graph.replies import decode
from orchestrator.graph.requests import VERSION_PATH, envelope_for, request_for
from orchestrator.graph.transport import Http, Withheld, always, error_of_failed_look, outcome_of_failure, read_body


class GraphClient:
    """Triggers actions in one lane; each call sends one request, and every expected failure is an outcome."""

    def __init__(self, http: Http, sign_in: SignIn, root: str, user_agent: str, clock: Clock) -> None:
        self._http, self._sign_in, self._clock = http, sign_in, clock
        self.root, self._user_agent = root.rstrip("/"), user_agent
        self._renewed: str | None = None
        self._worked: str | None = None
        self._is_way_in_doubt = False
        self._looking_at_way = asyncio.Lock()

    async def ready(self) -> Outcome | None:
        """Have a token that is valid; what every call comes to, where there is none to be had.

        After it a call leaves at once. Before it a call may wait for the authority, and many would then leave together.
        Where the last reply was not Graph's, the way is looked at first: no device is called to find out.
        """
        token = await self._token()
        if not isinstance(token, str):
            return token
        if not self._is_way_in_doubt:
            return None
        async with self._looking_at_way:
            # The others that waited here take the answer that the first one got.
            return await self.check_way() if self._is_way_in_doubt else None

    async def check_way(self) -> Deferred | None:
        """Make a connection of the kind that a call makes, without a token and to no device; what keeps calls away."""
        headers = {"User-Agent": self._user_agent, "Accept": "application/json", "Accept-Encoding": "identity"}
        try:
            async with asyncio.timeout(_LONGEST_LOOK):
                response = await self._http.send("GET", f"{self.root}{VERSION_PATH}", headers)
                body, _ = await read_body(response, _SINGLE)
        except (httpx.HTTPError, TimeoutError) as failure:
            return Deferred(error_of_failed_look(failure))
        named = {name.casefold(): text for name, text in response.headers.items()}
        decoded = decode(body, named)
        if is_stranger_on_the_way(response.status_code, named, decoded, is_cloud=is_cloud_root(self.root)):
            return Deferred(error_of_stranger(response.status_code, named, decoded))
        self._is_way_in_doubt = False
        return None

    async def trigger(
        self, calls: Sequence[Call], may_leave: MayLeave = always
    ) -> list[Outcome] | EnvelopesRefused | None:
        """Asks Graph to perform one call, or up to 20 in one envelope; returns the outcomes in the order of the calls.

        `may_leave` is asked when there is a connection; None where it answers False, and nothing was sent.
        """
        token = await self._token()
        if not isinstance(token, str):
            return [token] * len(calls)
        is_single = len(calls) == 1
        request = request_for(calls[0], self._user_agent) if is_single else envelope_for(calls, self._user_agent)
        # The address begins with the root of the lane and no id can change its host, so the token goes nowhere else.
        # An answer that is not compressed cannot unfold into more than we are ready to read.
        headers = {**request.headers, "Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        try:
            async with asyncio.timeout(_LONGEST_CALL):
                response = await self._http.send("POST", self.root + request.path, headers, request.body, may_leave)
        except (httpx.HTTPError, TimeoutError) as failure:
            outcome = outcome_of_failure(failure)
            self._is_way_in_doubt = self._is_way_in_doubt or is_cut_off(outcome)
            return [outcome] * len(calls)
        except Withheld:
            return None
        body, is_complete = await read_body(response, _SINGLE if is_single else _ENVELOPE)
        parts = read_parts(
            len(calls), response.status_code, response.headers, body, self._clock.now(), is_complete=is_complete
        )
        if isinstance(parts, EnvelopesRefused):
            return parts
        outcomes = [part.outcome for part in parts]
        self._is_way_in_doubt = any(is_cut_off(outcome) for outcome in outcomes)
        if all(isinstance(outcome, Accepted) for outcome in outcomes):
            self._worked = token
            return outcomes
        # All at once: twenty parts refused for one token share one renewal, and its failure too.
        return await asyncio.gather(*(self._mind_token(part.outcome, part.headers, token) for part in parts))

    async def _token(self) -> str | Outcome:
        try:
            return await self._sign_in.token()
        except SignInRefused as refusal:
            return Barred(GraphError("SignInRefused", str(refusal)), Bar.TOKEN_REFUSED)
        except SignInUnreachable as outage:
            return Deferred(GraphError("SignInUnreachable", str(outage)))

    async def _mind_token(self, outcome: Outcome, headers: Mapping[str, str], token: str) -> Outcome:
        """The outcome, except that a refused token is renewed once and its call left for later.

        Sent again at once it would be a second request, which no permit was taken for.
        """
        match outcome:
            case Barred(error, Bar.TOKEN_REFUSED):
                pass
            case Accepted() | Refused():
                self._worked = token
                return outcome
            case _:
                return outcome
        if token == self._renewed and token != self._worked:
            return outcome
        try:
            self._renewed = await self._sign_in.renew(token, claims=claims_wanted(headers))
        except SignInRefused as refusal:
            return Barred(replace(error, message=f"{error.message} ({refusal})"), Bar.TOKEN_REFUSED)
        except SignInUnreachable as outage:
            return Deferred(replace(error, message=f"{error.message} ({outage})"))
        return Deferred(error, retry_after=timedelta(0))


_SINGLE = 64 * 1024
_ENVELOPE = 2 * 1024 * 1024
# Above the sum of the timeouts of one call; it ends an answer whose headers drip.
_LONGEST_CALL = 90.0
_LONGEST_LOOK = 12.0
