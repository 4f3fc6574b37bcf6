"""The HTTP client that all calls of a process share, and what its failures mean for a call."""

from __future__ import annotations

import socket
import ssl

import httpx

from orchestrator.domain.outcome import Deferred, GraphError, Outcome, Uncertain

Http = httpx.AsyncClient
"""What whoever wires the parts passes on without looking inside."""


def open_http(trust: ssl.SSLContext, *, connections: int = 512) -> httpx.AsyncClient:
    """A pool of connections to Graph; proxies come from the usual variables.

    A call must leave while its permit lives, so there are more connections than calls that can be in flight.
    """
    # Many servers close a connection that was idle for 5 seconds; a call sent into that moment would be uncertain.
    return httpx.AsyncClient(
        verify=trust,
        timeout=httpx.Timeout(connect=10.0, read=30.0, write=10.0, pool=30.0),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=4.0),
        follow_redirects=False,
        trust_env=True,
        http1=True,
        http2=False,
    )


def outcome_of_failure(failure: httpx.HTTPError | TimeoutError) -> Outcome:
    """Not now where nothing can have been sent, uncertain where anything may have been."""
    for kind, code, said in _BEFORE_SENDING:
        if isinstance(failure, kind):
            return Deferred(_error(*_why_not_connected(failure, code, said), failure))
    for kind, code, said in _AFTER_SENDING:
        if isinstance(failure, kind):
            return Uncertain(_error(code, said, failure))
    return Uncertain(_error("CallFailed", "the call broke off", failure))


def _why_not_connected(failure: BaseException, code: str, said: str) -> tuple[str, str]:
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "TlsFailed", "no trusted connection could be made"
        if isinstance(cause, socket.gaierror):
            return "NameNotFound", "the name of the host could not be resolved"
        cause = cause.__cause__ or cause.__context__
    return code, said


def _error(code: str, said: str, failure: BaseException) -> GraphError:
    detail = " ".join(str(failure).split())[:200]
    return GraphError(code, f"{said}: {detail}" if detail else said)


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
