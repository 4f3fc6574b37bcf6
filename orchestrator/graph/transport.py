"""The HTTP client that all calls of a process share, and what its failures mean for a call."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any, Self

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from orchestrator.domain.call import MayLeave
from orchestrator.domain.outcome import Deferred, GraphError, Outcome, Uncertain
from orchestrator.domain.proxy import without_sign_in
from orchestrator.graph.proxies import describe_proxy_answer, proxy_for, sign_in_at

TLS_FAILED = "TlsFailed"
"""The code of a connection whose certificate is not trusted."""


def always() -> bool:
    """A request may leave."""
    return True


class Withheld(Exception):
    """There was a connection for a request that might not leave any more; it was not sent."""


_MAY_LEAVE: ContextVar[MayLeave] = ContextVar("may_leave", default=always)


class _Connector(aiohttp.TCPConnector):
    """Asks once more before a request is written: making its connection may have taken seconds."""

    async def connect(self, req: Any, traces: Any, timeout: aiohttp.ClientTimeout) -> Any:  # noqa: ASYNC109 - aiohttp's
        connection = await super().connect(req, traces, timeout)
        if not _MAY_LEAVE.get()():
            # The connection serves the next call.
            connection.release()
            raise Withheld
        return connection


class Http:
    """Requests over one pool for each way out: direct, or through the proxy that the system names for a host.

    httpx's own pool looks at every connection for every request: at 64 connections it makes a sixth of the calls that
    aiohttp's makes. And its client looks for cookies, redirects and credentials in every answer, none of which may
    have a part in a call: below the client a call takes two thirds of the time.
    """

    def __init__(self, transport: Callable[[str | None], AiohttpTransport]) -> None:
        self._transport = transport
        self._ways: dict[tuple[str, bytes], str | None] = {}
        self._pools: dict[str | None, AiohttpTransport] = {}
        self._latest_url, self._address = "", httpx.URL()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", may_leave: MayLeave = always
    ) -> httpx.Response:
        """Sends a request and returns the response as soon as its status is there; the caller reads and closes it.

        httpx.HTTPError; Withheld where `may_leave` answers False when a connection is there.
        """
        if url != self._latest_url:
            # All envelopes go to one address, and reading it takes as long as writing the request.
            self._latest_url, self._address = url, httpx.URL(url)
        request = httpx.Request(method, self._address, headers=headers, content=body, extensions=_PATIENCE)
        host = (request.url.scheme, request.url.netloc)
        if host not in self._ways:
            self._ways[host] = proxy_for(url)
        way = self._ways[host]
        if way is not None and host[0] == "http":
            request.headers.update(sign_in_at(way))
        if way not in self._pools:
            self._pools[way] = self._transport(way)
        asking = _MAY_LEAVE.set(may_leave)
        try:
            return await self._pools[way].handle_async_request(request)
        except aiohttp.ClientError as failure:
            # The transport does not translate this one: an answer that is no HTTP.
            raise httpx.RemoteProtocolError("the answer is no HTTP", request=request) from failure
        finally:
            _MAY_LEAVE.reset(asking)

    async def aclose(self) -> None:
        """Closes all connections."""
        for pool in self._pools.values():
            await pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def open_http(trust: ssl.SSLContext) -> Http:
    """A pool of connections to Graph; proxies come from the usual variables, on Windows from the system too."""
    return Http(partial(pooled_transport, trust))


def pooled_transport(trust: ssl.SSLContext, proxy: str | None = None, *, connections: int = 512) -> AiohttpTransport:
    """Aiohttp's pool as a transport of httpx.

    A call must leave while its permit lives, so there are more connections than calls that can be in flight.
    """

    def session() -> aiohttp.ClientSession:
        # An idle connection is dropped well before any proxy or load balancer drops it under a call.
        pool = _Connector(ssl=trust, limit=connections, keepalive_timeout=30.0)
        # The environment is not its business: it would look into ~/.netrc for each call.
        return aiohttp.ClientSession(connector=pool, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())

    # aiohttp's own way to sign in at a proxy is deprecated, and it sends these headers with CONNECT alone.
    way = None if proxy is None else httpx.Proxy(without_sign_in(proxy), headers=sign_in_at(proxy))
    return AiohttpTransport(verify=trust, client=session, proxy=way)


async def read_body(response: httpx.Response, most: int) -> tuple[bytes, bool]:
    """The body up to `most` bytes, as far as it came within 30 seconds, and whether that is all of it; then closed."""
    if response.status_code == 204:
        # By HTTP it has none, and it is what nearly every call is answered with.
        await response.aclose()
        return b"", True
    body = bytearray()
    try:
        async with asyncio.timeout(_LONGEST_BODY):
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > most:
                    return bytes(body[:most]), False
    except (httpx.HTTPError, TimeoutError):
        # The status has been read: it says more than the end of the body would.
        return bytes(body), False
    finally:
        await response.aclose()
    return bytes(body), True


def outcome_of_failure(failure: httpx.HTTPError | TimeoutError) -> Outcome:
    """Not now where nothing can have been sent, uncertain where anything may have been."""
    if _was_connected(failure):
        return Uncertain(_error("ConnectionLost", "sent, and the connection was lost", failure))
    for kind, code, said in _BEFORE_SENDING:
        if isinstance(failure, kind):
            return Deferred(_error(*_why_not_connected(failure, code, said), failure))
    for kind, code, said in _AFTER_SENDING:
        if isinstance(failure, kind):
            return Uncertain(_error(code, said, failure))
    return Uncertain(_error("CallFailed", "the call broke off", failure))


def error_of_failed_look(failure: httpx.HTTPError | TimeoutError) -> GraphError:
    """Why a question that touches no device got no answer; nothing is uncertain about it."""
    outcome = outcome_of_failure(failure)
    if isinstance(outcome, Deferred):
        return outcome.error
    return _error("NoAnswer", "connected, and no answer came", failure)


def _was_connected(failure: BaseException) -> bool:
    # The transport calls every loss of a connection a failure to connect; only what is behind it tells the two apart.
    cause = failure.__cause__
    return isinstance(cause, aiohttp.ClientConnectionError) and not isinstance(cause, _NOT_CONNECTED)


def _why_not_connected(failure: BaseException, code: str, said: str) -> tuple[str, str]:
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLError | aiohttp.ClientConnectorSSLError | aiohttp.ClientConnectorCertificateError):
            return TLS_FAILED, "no trusted connection could be made"
        if isinstance(cause, aiohttp.ClientHttpProxyError):
            return "ProxyRefused", describe_proxy_answer(cause.status)
        if isinstance(cause, aiohttp.ClientProxyConnectionError):
            return "ProxyUnreachable", "the proxy cannot be reached"
        if isinstance(cause, socket.gaierror):
            return "NameNotFound", "the name of the host could not be resolved"
        if isinstance(cause, ConnectionRefusedError):
            return "ConnectFailed", "no connection could be made"
        cause = cause.__cause__ or cause.__context__
    return code, said


def _error(code: str, said: str, failure: BaseException) -> GraphError:
    detail = " ".join(_FOR_PROGRAMS.sub("", str(failure)).split())[:200]
    return GraphError(code, f"{said}: {detail}" if detail else said)


_FOR_PROGRAMS = re.compile(r" ssl:(?:default|True|False|<[^>]*>)|\b\d{3}, message='.*', url='.*'$")
"""The parts of aiohttp's messages that say nothing to people, or a status that is said already."""

_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.SocketTimeoutError)
_BEFORE_SENDING: tuple[tuple[type[Exception], str, str], ...] = (
    (httpx.ConnectTimeout, "ConnectTimedOut", "no connection was made in time"),
    (httpx.ConnectError, "ConnectFailed", "no connection could be made"),
    (httpx.ProxyError, "ProxyRefused", "the proxy made no connection"),
    (httpx.PoolTimeout, "NoConnectionFree", "all connections were busy"),
    (httpx.UnsupportedProtocol, "ConnectFailed", "the address is none that can be called"),
    (httpx.LocalProtocolError, "RequestInvalid", "the request could not be written"),
)
_AFTER_SENDING: tuple[tuple[type[Exception], str, str], ...] = (
    (httpx.TimeoutException, "AnswerTimedOut", "sent, and no answer came in time"),
    (TimeoutError, "AnswerTimedOut", "sent, and no whole answer came in time"),
    (httpx.NetworkError, "ConnectionLost", "sent, and the connection was lost"),
    (httpx.RemoteProtocolError, "ConnectionLost", "sent, and the connection ended without an answer"),
)
_LONGEST_BODY = 30.0
_PATIENCE: dict[str, Any] = {"timeout": {"connect": 10.0, "read": 30.0, "write": 10.0, "pool": 30.0}}
"""Seconds."""
