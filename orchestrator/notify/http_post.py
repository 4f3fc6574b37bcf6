"""One POST to a channel's address: bounded in time and size, and never redirected."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping

import httpx

from orchestrator.domain.notice import Delivered, Delivery, Undelivered

PATIENCE = 10.0
"""Seconds from the connection to the end of the answer."""

MOST_READ = 4096
"""Bytes of an answer that are looked at: more is no answer to a notice."""


async def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    trust: ssl.SSLContext,
    judge: Callable[[int, str], str | None],
) -> Delivery:
    """Whether the other side took it; `judge` says what is wrong with a 2xx and its text, None where nothing."""
    try:
        async with (
            asyncio.timeout(PATIENCE),
            # A connection of its own: a server closes one that is used once a night.
            httpx.AsyncClient(verify=trust, timeout=PATIENCE, follow_redirects=False) as http,
            http.stream("POST", url, content=body, headers={"content-type": "application/json", **headers}) as answer,
        ):
            text = await _beginning(answer)
            return _judged(answer, text, judge)
    except TimeoutError:
        return Undelivered(f"no answer within {PATIENCE:.0f} seconds")
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as problem:
        # The address is a secret, and the library's words may hold it.
        return Undelivered(f"no answer: {_words(problem).replace(url, 'the address')}")


async def _beginning(answer: httpx.Response) -> str:
    read = b""
    async for piece in answer.aiter_raw():
        read += piece
        if len(read) >= MOST_READ:
            break
    return read[:MOST_READ].decode(errors="replace")


def _judged(answer: httpx.Response, text: str, judge: Callable[[int, str], str | None]) -> Delivery:
    status = answer.status_code
    if 200 <= status < 300:
        problem = judge(status, text)
        return Delivered() if problem is None else Undelivered(problem)
    said = " ".join(text.split())[:200]
    reason = f"HTTP {status}" + (f": {said}" if said else "")
    if status in {404, 410} or 300 <= status < 400:
        # The address is gone, or is another by now: asking again changes nothing. A person has to.
        return Undelivered(reason, may_work_later=False)
    return Undelivered(reason, wait=_retry_after(answer))


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdigit() else None


def _words(problem: Exception) -> str:
    return " ".join(str(problem).split())[:200] or type(problem).__name__
