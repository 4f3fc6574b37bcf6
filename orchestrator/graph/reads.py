"""The one place where a read leaves for Graph: single objects, and collections in pages.

https://learn.microsoft.com/graph/paging, https://learn.microsoft.com/graph/throttling
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import httpx

from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import GraphUnreachable, ReadFailed, ReadRefused, SignInRefused
from orchestrator.domain.lane import WriteLimit
from orchestrator.domain.waiting import Say, say_nothing
from orchestrator.graph.auth import SignIn
from orchestrator.graph.challenges import claims_wanted
from orchestrator.graph.provenance import error_of_stranger, is_from_graph
from orchestrator.graph.replies import decode, told_by
from orchestrator.graph.transport import Http, error_of_failed_look, read_body
from orchestrator.graph.waits import longest_wait
from orchestrator.graph.web_pages import is_page
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

Pace = Callable[[], Awaitable[None]]
"""Returns when one more read may begin."""

READ_LIMIT = WriteLimit(1_600, timedelta(seconds=20))
"""400 requests less than an app may make in a tenant, so that a refresh leaves every write its place.

https://learn.microsoft.com/graph/throttling-limits#intune-service-limits
"""


@dataclass(frozen=True, slots=True)
class Question:
    """One read: a path below the root or a whole link of Graph's own, and what goes with it."""

    address: str
    method: str = "GET"
    headers: Mapping[str, str] | None = None
    body: bytes = b""


class GraphReader:
    """Reads as one tenant. A read that gets no answer is repeated with growing pauses; it changes nothing at Graph.

    SignInRefused, SignInUnreachable, ReadRefused, ReadFailed, GraphUnreachable.
    """

    def __init__(
        self, http: Http, sign_in: SignIn, root: str, user_agent: str, *, clock: Clock, chance: Random, pace: Pace
    ) -> None:
        self._http, self._sign_in, self._clock, self._chance = http, sign_in, clock, chance
        self.root, self._user_agent = root.rstrip("/"), user_agent
        self._pace = pace

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None, say: Say = say_nothing) -> Any:
        """The JSON value at a path below the root."""
        return await self.fetch(Question(path, headers=headers), say=say)

    async def pages(
        self, path: str, *, headers: Mapping[str, str] | None = None, say: Say = say_nothing
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The pages of a collection, each as Graph sent it; a page that fails is asked for again, not the whole.

        A `nextLink` is followed on Graph's own host only, since the token goes with it.
        """
        address, seen = path, set[str]()
        while True:
            page = await self.fetch(Question(address, headers=headers), say=say)
            if not isinstance(page, dict) or not isinstance(page.get("value"), list):
                raise ReadFailed("Graph answered a list without a `value`: it cannot be read.")
            yield page
            link = page.get("@odata.nextLink")
            if link is None:
                return
            if not isinstance(link, str) or link in seen:
                raise ReadFailed("Graph's list leads back to a page that was read before: it has no end.")
            seen.add(link)
            address = link

    async def fetch(self, question: Question, *, pace: Pace | None = None, say: Say = say_nothing) -> Any:
        """The JSON value that a question is answered with, repeated until it is; `pace` holds beside the reads' own.

        `say` takes a sentence for each pause.
        """
        url = self._url(question.address)
        ends_at = self._clock.monotonic() + _LONGEST_PATIENCE
        renewed = False
        for attempt in range(_ATTEMPTS):
            token = await self._sign_in.token()
            if pace is not None:
                await pace()
            await self._pace()
            answer = await self._once(url, question, token)
            if isinstance(answer, _Answer):
                if 200 <= answer.status < 300:
                    if attempt and not renewed:
                        say("Graph answered.")
                    return answer.body
                if answer.status != 401 or renewed:
                    _refuse(answer)
                await self._sign_in.renew(token, claims=claims_wanted(answer.headers))
                renewed = True
                continue
            pause = answer.wait if answer.wait is not None else self._backoff(attempt)
            most = _ATTEMPTS if answer.kind is ReadFailed else _ATTEMPTS_TO_REACH
            if attempt + 1 >= most or self._clock.monotonic() + pause > ends_at:
                raise answer.kind(f"{answer.why}, again and again.")
            log.info("graph.read_again", reason=answer.why, seconds=round(pause, 1))
            say(f"{answer.why}; asking again in {pause:.0f} s (attempt {attempt + 2} of {most} at most) …")
            await self._clock.sleep(pause)
        raise ReadFailed("Graph did not answer a read.")

    def _url(self, address: str) -> str:
        url = address if "://" in address else self.root + address
        if _origin(url) != _origin(self.root):
            host = urlsplit(url).hostname or "nowhere"
            raise ReadFailed(f"A page of Graph's list lies on another host ({host}): it is not asked for.")
        return url

    def _backoff(self, attempt: int) -> float:
        return float(min(2.0**attempt, _LONGEST_PAUSE) * (0.5 + self._chance.random() / 2))

    async def _once(self, url: str, question: Question, token: str) -> _Answer | _Again:
        headers = {
            "User-Agent": self._user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **(question.headers or {}),
            "Authorization": f"Bearer {token}",
        }
        try:
            async with asyncio.timeout(_LONGEST_CALL):
                if question.method == "POST":
                    headers["Content-Type"] = "application/json"
                    response = await self._http.send("POST", url, headers, question.body)
                else:
                    response = await self._http.send("GET", url, headers)
        except (httpx.HTTPError, TimeoutError) as failure:
            error = error_of_failed_look(failure)
            return _Again(GraphUnreachable, f"Graph cannot be read: {error.message}")
        body, is_complete = await read_body(response, _LONGEST_BODY)
        named = {name.casefold(): text for name, text in response.headers.items()}
        return self._read(response.status_code, named, decode(body, named, most=_LONGEST_BODY), is_complete=is_complete)

    def _read(self, status: int, named: Mapping[str, str], body: object, *, is_complete: bool) -> _Answer | _Again:
        wait = longest_wait([named.get("retry-after")], date=named.get("date"), now=self._clock.now())
        seconds = None if wait is None else wait.total_seconds()
        if 200 <= status < 300:
            if is_page(body):
                return _Again(GraphUnreachable, error_of_stranger(status, named, body).message, seconds)
            if not is_complete or isinstance(body, str):
                return _Again(ReadFailed, "Graph's answer to a read broke off")
            return _Answer(status, named, body)
        if status in _TRANSIENT or status >= 500:
            told = told_by(body)
            said = f" ({told.message})" if told.message else ""
            return _Again(ReadFailed, f"Graph answered a read with HTTP {status}{said}", seconds)
        if not is_from_graph(status, named, body) or 300 <= status < 400:
            return _Again(GraphUnreachable, error_of_stranger(status, named, body).message, seconds)
        return _Answer(status, named, body)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class _Again:
    """No answer this time, and why, as a clause; `wait` is in seconds, where the reply names one."""

    kind: type[ReadFailed | GraphUnreachable]
    why: str
    wait: float | None = None


def _refuse(answer: _Answer) -> NoReturn:
    told = told_by(answer.body)
    code = told.code or f"HTTP{answer.status}"
    said = told.message or "no reason was given"
    if answer.status == 401:
        raise SignInRefused(f"Graph refuses the token for a read: {code}: {said}")
    raise ReadRefused(f"Graph refuses the read: {code}: {said}", status=answer.status, code=code)


def json_question(path: str, payload: Mapping[str, object]) -> Question:
    """A question that is sent as JSON; it must be one that changes nothing, since it may be repeated."""
    return Question(path, "POST", body=json.dumps(payload).encode())


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(urljoin(url, "/"))
        return parts.scheme.casefold(), (parts.hostname or "").casefold(), parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", "", None


_PORTS = {"http": 80, "https": 443}
_TRANSIENT = frozenset({408, 423, 424, 429})
_ATTEMPTS = 8
_ATTEMPTS_TO_REACH = 4
"""Where Graph cannot be reached at all, a person waits at the terminal: about ten seconds."""

_LONGEST_PAUSE = 30.0
_LONGEST_PATIENCE = 600.0
"""Seconds that one read is repeated for."""

_LONGEST_CALL = 90.0
_LONGEST_BODY = 32 * 1024 * 1024
