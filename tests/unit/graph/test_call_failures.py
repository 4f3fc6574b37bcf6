from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from orchestrator.domain.outcome import Deferred, Uncertain
from orchestrator.graph.transport import outcome_of_failure


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (httpx.ConnectError("refused"), "ConnectFailed"),
        (httpx.ConnectTimeout("late"), "ConnectTimedOut"),
        (httpx.PoolTimeout("full"), "NoConnectionFree"),
        (httpx.ProxyError("407"), "ProxyRefused"),
        (httpx.UnsupportedProtocol("ftp"), "ConnectFailed"),
        (httpx.LocalProtocolError("header"), "RequestInvalid"),
    ],
)
def test_what_failed_before_anything_was_sent_cannot_have_happened(failure: httpx.HTTPError, code: str) -> None:
    outcome = outcome_of_failure(failure)

    assert isinstance(outcome, Deferred)
    assert outcome.error.code == code
    assert outcome.never_arrived
    assert not outcome.closes_lane


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (ssl.SSLCertVerificationError("self-signed"), "TlsFailed"),
        (socket.gaierror("no such name"), "NameNotFound"),
        (ConnectionRefusedError(), "ConnectFailed"),
    ],
)
def test_the_cause_of_a_failed_connection_is_named(cause: OSError, code: str) -> None:
    failure = httpx.ConnectError("failed")
    failure.__cause__ = RuntimeError()
    failure.__cause__.__context__ = cause

    outcome = outcome_of_failure(failure)

    assert isinstance(outcome, Deferred)
    assert outcome.error.code == code


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (httpx.ReadTimeout("late"), "AnswerTimedOut"),
        (httpx.WriteTimeout("late"), "AnswerTimedOut"),
        (TimeoutError(), "AnswerTimedOut"),
        (httpx.ReadError("reset"), "ConnectionLost"),
        (httpx.WriteError("reset"), "ConnectionLost"),
        (httpx.CloseError("reset"), "ConnectionLost"),
        (httpx.RemoteProtocolError("closed"), "ConnectionLost"),
        (httpx.DecodingError("odd"), "CallFailed"),
    ],
)
def test_what_failed_after_sending_may_have_happened(failure: httpx.HTTPError | TimeoutError, code: str) -> None:
    outcome = outcome_of_failure(failure)

    assert isinstance(outcome, Uncertain)
    assert outcome.error.code == code
    assert not outcome.is_answer
