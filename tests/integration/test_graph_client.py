"""The client against a Graph that misbehaves: what it says happened is what we say happened."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest

from orchestrator.domain.action import Action
from orchestrator.domain.call import Call, EnvelopesRefused
from orchestrator.domain.device import Device, Via
from orchestrator.domain.errors import SignInRefused
from orchestrator.domain.outcome import (
    Accepted,
    Bar,
    Barred,
    Deferred,
    GraphError,
    Outcome,
    Refused,
    Uncertain,
    is_cut_off,
)
from orchestrator.graph.auth import SignIn
from orchestrator.graph.client import GraphClient
from orchestrator.graph.issuers import GivenToken, IssuedToken
from orchestrator.graph.transport import Http, open_http
from orchestrator.graph.trust import trust_in
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import Tls, serve
from orchestrator.simulator.throttling import Quota, RetryAfter
from tests.support.clock import ManualClock
from tests.support.tls import Authority

pytestmark = pytest.mark.enable_socket


class Issuer:
    """Issues token-1, token-2 …, and remembers which claims were wanted."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    def issue(self, claims: str | None) -> IssuedToken:
        self.asked.append(claims)
        return IssuedToken(f"token-{len(self.asked)}", 3600.0)

    def abandon(self) -> None:
        """Nobody is waited for."""


@asynccontextmanager
async def answering(body: bytes, *, cut: int | None = None) -> AsyncIterator[str]:
    """A server that answers everything with 200 and this body, cut off after so many bytes."""
    head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with saying(head + body[:cut]) as base:
        yield base


@asynccontextmanager
async def saying(whole: bytes) -> AsyncIterator[str]:
    """A server that answers everything with these bytes, then hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0))
        writer.write(whole)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def a_call(device: str | None = None, action: Action = Action.REFRESH_USER_POLICY) -> Call:
    return Call(action, Via.MANAGED_DEVICES, Device((device or str(uuid.uuid4()),)), str(uuid.uuid4()))


def device_of(call: Call) -> str:
    return call.device.ids[0]


@pytest.fixture
def graph() -> SimulatedGraph:
    return SimulatedGraph(None)


@pytest.fixture
async def url(graph: SimulatedGraph) -> AsyncIterator[str]:
    async with serve(graph) as base:
        yield base


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with open_http(trust_in(None)) as opened:
        yield opened


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def client(http: Http, issuer: Issuer, url: str, clock: ManualClock) -> GraphClient:
    return GraphClient(http, SignIn(issuer, clock), url, "muster/1.0", clock)


async def trigger_one(client: GraphClient, call: Call) -> Outcome:
    """Makes a single call."""
    outcomes = await client.trigger([call])
    assert isinstance(outcomes, list)
    return outcomes[0]


def refused(outcome: Outcome) -> Refused:
    assert isinstance(outcome, Refused), outcome
    return outcome


async def test_what_may_not_leave_once_there_is_a_connection_is_not_sent_and_the_next_call_takes_the_connection(
    client: GraphClient, graph: SimulatedGraph
) -> None:
    asked: list[int] = []

    def no_more() -> bool:
        asked.append(graph.tenant.total)
        return False

    withheld = await client.trigger([a_call()], no_more), await client.trigger([a_call(), a_call()], no_more)
    sent = await trigger_one(client, a_call())

    assert withheld == (None, None)
    assert asked == [0, 0]
    assert isinstance(sent, Accepted)
    assert graph.tenant.total == 1


async def test_once_ready_a_call_waits_for_no_sign_in(client: GraphClient, issuer: Issuer) -> None:
    assert await client.ready() is None
    issuer.issue = None  # type: ignore[assignment,method-assign] # whoever asks now fails

    assert isinstance(await trigger_one(client, a_call()), Accepted)


async def test_where_there_is_no_token_it_says_what_every_call_comes_to(http: Http, clock: ManualClock) -> None:
    class Refusing(Issuer):
        def issue(self, claims: str | None) -> IssuedToken:
            raise SignInRefused(f"no such app, with claims {claims}")

    client = GraphClient(http, SignIn(Refusing(), clock), "http://127.0.0.1:1", "muster/1.0", clock)

    assert await client.ready() == Barred(
        GraphError("SignInRefused", "no such app, with claims None"), Bar.TOKEN_REFUSED
    )


async def test_a_call_reaches_the_device_and_nothing_else(client: GraphClient, graph: SimulatedGraph) -> None:
    call = a_call(action=Action.FULL_SCAN)

    outcome = await trigger_one(client, call)

    (seen,) = graph.tenant.calls
    assert outcome == Accepted(seen.request_id)
    assert (seen.device, seen.via, seen.action) == (device_of(call), "managedDevices", "fullScan")
    assert seen.client_request_id == call.client_request_id
    assert graph.tenant.effects == {device_of(call): 1}


@pytest.mark.parametrize(
    ("via", "ids"),
    [
        (Via.COMANAGED_DEVICES, 1),
        (Via.DEVICE_HEALTH_SCRIPTS, 2),
        (Via.DEVICE_MANAGEMENT_SCRIPTS, 2),
        (Via.DEVICE_COMPLIANCE_SCRIPTS, 2),
        (Via.DEVICE_MANAGEMENT_SCRIPT_USERS, 4),
        (Via.DEVICE_MANAGEMENT_SCRIPT_DETECTED_APPS, 4),
    ],
)
async def test_every_way_to_a_device_is_understood(
    client: GraphClient, graph: SimulatedGraph, via: Via, ids: int
) -> None:
    device = Device(tuple(str(uuid.uuid4()) for _ in range(ids)))
    calls = [Call(Action.QUICK_SCAN, via, device, str(uuid.uuid4())) for _ in range(3)]

    outcomes = [await trigger_one(client, calls[0]), await client.trigger(calls[1:])]

    assert isinstance(outcomes[0], Accepted)
    assert isinstance(outcomes[1], list)
    assert isinstance(outcomes[1][0], Accepted)
    assert len(graph.tenant.effects) == 1


async def test_the_answers_of_an_envelope_find_their_calls(client: GraphClient, graph: SimulatedGraph) -> None:
    calls = [a_call() for _ in range(20)]
    graph.refuse(device_of(calls[3]), 404)
    graph.refuse(device_of(calls[7]), 429, retry_after="7")

    outcomes = await client.trigger(calls)

    assert isinstance(outcomes, list)
    assert refused(outcomes[3]).error.code == "ResourceNotFound"
    throttled = outcomes[7]
    assert isinstance(throttled, Deferred)
    assert (throttled.closes_lane, throttled.retry_after) == (True, timedelta(seconds=7))
    accepted = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Accepted)]
    assert accepted == [number for number in range(20) if number not in {3, 7}]
    assert len(graph.tenant.envelopes) == 1
    for call, outcome in zip(calls, outcomes, strict=True):
        (seen,) = graph.tenant.calls_for(device_of(call))
        assert seen.client_request_id == call.client_request_id
        assert isinstance(outcome, Accepted) == seen.effect


async def test_a_lost_reply_is_uncertain(client: GraphClient, graph: SimulatedGraph) -> None:
    call = a_call()
    graph.lose_reply(device_of(call))

    outcome = await trigger_one(client, call)

    assert isinstance(outcome, Uncertain)
    assert (outcome.is_answer, outcome.error.code) == (False, "ConnectionLost")
    assert graph.tenant.effects == {device_of(call): 1}


async def test_a_lost_envelope_leaves_every_call_uncertain(client: GraphClient, graph: SimulatedGraph) -> None:
    calls = [a_call() for _ in range(3)]
    graph.lose_envelope()

    outcomes = await client.trigger(calls)

    assert isinstance(outcomes, list)
    assert [type(outcome) for outcome in outcomes] == [Uncertain] * 3
    assert len(graph.tenant.effects) == 3


@pytest.mark.parametrize("status", [400, 404, 405, 501])
async def test_a_graph_without_envelopes_says_so(client: GraphClient, graph: SimulatedGraph, status: int) -> None:
    graph.refuse_envelopes(status)

    outcomes = await client.trigger([a_call(), a_call()])

    assert isinstance(outcomes, EnvelopesRefused)
    assert outcomes.error.http_status == status
    assert graph.tenant.effects == {}


async def test_a_throttled_envelope_defers_every_call(client: GraphClient, graph: SimulatedGraph) -> None:
    graph.refuse_envelopes(429, retry_after="9")

    outcomes = await client.trigger([a_call(), a_call()])

    assert isinstance(outcomes, list)
    for outcome in outcomes:
        assert isinstance(outcome, Deferred)
        assert (outcome.closes_lane, outcome.retry_after) == (True, timedelta(seconds=9))


@pytest.mark.parametrize("style", ["integer", "decimal", "date", "nested"])
async def test_a_real_429_is_understood_in_every_form(
    client: GraphClient, graph: SimulatedGraph, style: RetryAfter
) -> None:
    graph.limit_writes(Quota(1, 20.0, retry_after=style))
    await trigger_one(client, a_call())

    outcome = await trigger_one(client, a_call())

    assert isinstance(outcome, Deferred)
    assert outcome.closes_lane
    assert outcome.retry_after is not None
    assert timedelta(0) < outcome.retry_after <= timedelta(seconds=21)


async def test_a_page_of_a_proxy_is_no_success(client: GraphClient, graph: SimulatedGraph) -> None:
    graph.answer_html(status=200)

    outcome = await trigger_one(client, a_call())

    assert isinstance(outcome, Uncertain)
    assert is_cut_off(outcome)
    assert "a web page, titled “Sign in”" in outcome.error.message


@pytest.mark.parametrize("status", [400, 403, 404, 407])
async def test_a_page_in_graphs_place_is_no_verdict_singly_or_in_an_envelope(
    client: GraphClient, graph: SimulatedGraph, issuer: Issuer, status: int
) -> None:
    graph.answer_html(status=status, title="Blocked")
    calls = [a_call() for _ in range(3)]

    single, together = await trigger_one(client, calls[0]), await client.trigger(calls[1:])

    assert isinstance(together, list)
    for outcome in (single, *together):
        assert isinstance(outcome, Deferred)
        assert outcome.never_arrived
        assert "Blocked" in outcome.error.message
    assert len(issuer.asked) == 1


async def test_a_redirect_is_not_followed(client: GraphClient, graph: SimulatedGraph, url: str) -> None:
    graph.redirect(to=f"{url}/elsewhere")

    outcome = await trigger_one(client, a_call())

    assert isinstance(outcome, Deferred)
    assert outcome.never_arrived
    assert len(graph.tenant.calls) == 1


@pytest.mark.parametrize("status", [204, 404, 500])
async def test_a_huge_answer_is_judged_by_its_status_without_being_read(
    client: GraphClient, graph: SimulatedGraph, status: int
) -> None:
    if status == 204:
        outcome = await trigger_one(client, a_call())
    else:
        graph.answer_huge(status=status)
        outcome = await trigger_one(client, a_call())

    assert type(outcome) is {204: Accepted, 404: Refused, 500: Deferred}[status]


async def test_rubbish_in_the_headers_changes_nothing(client: GraphClient, graph: SimulatedGraph) -> None:
    graph.answer_rubbish(status=503)

    outcome = await trigger_one(client, a_call())

    assert isinstance(outcome, Deferred)
    assert outcome.retry_after is None


async def test_half_a_json_document_is_still_an_answer(client: GraphClient, graph: SimulatedGraph) -> None:
    graph.answer_truncated(status=503)

    outcome = await trigger_one(client, a_call())

    assert isinstance(outcome, Deferred)
    assert outcome.error.http_status == 503


async def test_a_refused_token_is_renewed_once_for_all_and_the_calls_wait(
    client: GraphClient, graph: SimulatedGraph, issuer: Issuer
) -> None:
    graph.revoke_token()

    outcomes = await asyncio.gather(*(trigger_one(client, a_call()) for _ in range(10)))
    after = await trigger_one(client, a_call())

    for outcome in outcomes:
        assert isinstance(outcome, Deferred | Accepted)
        if isinstance(outcome, Deferred):
            assert (outcome.retry_after, outcome.error.http_status) == (timedelta(0), 401)
    assert any(isinstance(outcome, Deferred) for outcome in outcomes)
    assert isinstance(after, Accepted)
    assert issuer.asked == [None, None]
    assert len(graph.tenant.calls) == 11


async def test_a_claims_challenge_is_answered_with_what_it_asks_for(
    client: GraphClient, graph: SimulatedGraph, issuer: Issuer
) -> None:
    graph.challenge_token()

    first, second = await trigger_one(client, a_call()), await trigger_one(client, a_call())

    assert isinstance(first, Deferred)
    assert isinstance(second, Accepted)
    assert issuer.asked[0] is None
    assert json.loads(issuer.asked[1] or "")["access_token"]["nbf"]["essential"] is True


async def test_a_renewed_token_that_is_refused_again_bars_the_job(
    client: GraphClient, graph: SimulatedGraph, issuer: Issuer
) -> None:
    graph.revoke_token(forever=True)

    first, second = await trigger_one(client, a_call()), await trigger_one(client, a_call())

    assert isinstance(first, Deferred)
    assert isinstance(second, Barred)
    assert second.bar is Bar.TOKEN_REFUSED
    assert len(issuer.asked) == 2


async def test_a_token_that_worked_may_be_renewed_again(
    client: GraphClient, graph: SimulatedGraph, issuer: Issuer
) -> None:
    for _ in range(3):
        graph.revoke_token()
        assert isinstance(await trigger_one(client, a_call()), Deferred)
        assert isinstance(await trigger_one(client, a_call()), Accepted)

    assert len(issuer.asked) == 4


async def test_an_envelope_refused_for_its_token_is_left_for_later(
    client: GraphClient, graph: SimulatedGraph, issuer: Issuer
) -> None:
    graph.revoke_token()

    first = await client.trigger([a_call() for _ in range(20)])
    second = await client.trigger([a_call() for _ in range(20)])

    assert isinstance(first, list)
    assert isinstance(second, list)
    assert {type(outcome) for outcome in first} == {Deferred}
    assert {type(outcome) for outcome in second} == {Accepted}
    assert len(issuer.asked) == 2


async def test_parts_refused_for_their_token_share_one_renewal(http: Http, issuer: Issuer, clock: ManualClock) -> None:
    answers = [
        {"id": str(number), "status": 401, "body": {"error": {"code": "InvalidAuthenticationToken"}}}
        for number in range(1, 4)
    ]
    async with answering(json.dumps({"responses": answers}).encode()) as base:
        client = GraphClient(http, SignIn(issuer, clock), base, "muster/1.0", clock)

        first = await client.trigger([a_call() for _ in range(3)])
        second = await client.trigger([a_call() for _ in range(3)])

    assert isinstance(first, list)
    assert isinstance(second, list)
    assert {type(outcome) for outcome in first} == {Deferred}
    assert {type(outcome) for outcome in second} == {Barred}
    assert len(issuer.asked) == 2


async def test_a_given_token_that_is_refused_bars_the_job_at_once(
    http: Http, graph: SimulatedGraph, url: str, clock: ManualClock
) -> None:
    graph.revoke_token()
    client = GraphClient(http, SignIn(GivenToken(lambda: "given"), clock), url, "muster/1.0", clock)

    outcome = await trigger_one(client, a_call())

    assert isinstance(outcome, Barred)
    assert outcome.bar is Bar.TOKEN_REFUSED
    assert "same token" in outcome.error.message


async def test_nobody_at_home_is_not_now_and_nothing_was_sent(http: Http, issuer: Issuer, clock: ManualClock) -> None:
    client = GraphClient(http, SignIn(issuer, clock), "http://127.0.0.1:9", "muster/1.0", clock)

    single, together = await trigger_one(client, a_call()), await client.trigger([a_call(), a_call()])

    assert isinstance(together, list)
    for outcome in (single, *together):
        assert isinstance(outcome, Deferred)
        assert outcome.never_arrived


async def test_a_certificate_that_nobody_vouches_for_gets_no_token(
    issuer: Issuer, graph: SimulatedGraph, authority: Authority, clock: ManualClock
) -> None:
    async with (
        serve(graph, tls=Tls(authority.certificate, authority.key)) as base,
        open_http(trust_in(None)) as distrustful,
        open_http(trust_in(authority.bundle)) as trusting,
    ):
        wary = GraphClient(distrustful, SignIn(issuer, clock), base, "muster/1.0", clock)
        sure = GraphClient(trusting, SignIn(issuer, clock), base, "muster/1.0", clock)

        outcomes = await trigger_one(wary, a_call()), await trigger_one(sure, a_call())

    assert isinstance(outcomes[0], Deferred)
    assert outcomes[0].error.code == "TlsFailed"
    assert isinstance(outcomes[1], Accepted)


async def test_an_envelope_whose_answer_broke_off_may_be_asked_about_again(
    http: Http, issuer: Issuer, clock: ManualClock
) -> None:
    body = json.dumps({"responses": [{"id": "1", "status": 204}]}).encode()
    async with answering(body, cut=20) as base:
        client = GraphClient(http, SignIn(issuer, clock), base, "muster/1.0", clock)

        outcomes = await client.trigger([a_call(), a_call()])

    assert isinstance(outcomes, list)
    outcome, _ = outcomes
    assert isinstance(outcome, Uncertain)
    assert not outcome.is_answer


async def test_an_envelope_answered_without_end_is_not_read_to_it(
    http: Http, issuer: Issuer, clock: ManualClock
) -> None:
    async with answering(b" " * (3 * 1024 * 1024)) as base:
        client = GraphClient(http, SignIn(issuer, clock), base, "muster/1.0", clock)

        outcomes = await client.trigger([a_call(), a_call()])

    assert isinstance(outcomes, list)
    assert isinstance(outcomes[0], Uncertain)


async def test_connections_are_kept_from_call_to_call(http: Http, clock: ManualClock) -> None:
    async with always_accepting() as (url, lines):
        client = GraphClient(http, SignIn(Issuer(), clock), url, "muster/1.0", clock)

        for _ in range(5):
            await trigger_one(client, a_call())

    assert [len(connection) for connection in lines] == [5]


async def test_calls_go_through_the_proxy_that_the_environment_names(
    http: Http, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with always_accepting() as (proxy, lines):
        monkeypatch.setenv("http_proxy", proxy)
        client = GraphClient(http, SignIn(Issuer(), clock), "http://graph.contoso.example", "muster/1.0", clock)

        outcome = await trigger_one(client, a_call())

    assert isinstance(outcome, Accepted)
    assert lines[0][0].startswith("POST http://graph.contoso.example/beta/deviceManagement/managedDevices/")


async def test_no_proxy_is_heeded(http: Http, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    async with always_accepting() as (url, lines):
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        client = GraphClient(http, SignIn(Issuer(), clock), url, "muster/1.0", clock)

        outcome = await trigger_one(client, a_call())

    assert isinstance(outcome, Accepted)
    assert lines[0][0].startswith("POST /beta/")


@asynccontextmanager
async def always_accepting() -> AsyncIterator[tuple[str, list[list[str]]]]:
    """A server that answers 204 to everything; the request lines it saw, by connection."""
    seen: list[list[str]] = []
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines: list[str] = []
        seen.append(lines)
        writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines.append(head.partition("\r\n")[0])
                await reader.readexactly(int(head.lower().partition("content-length: ")[2].partition("\r\n")[0]))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
        for writer in writers:
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"\x16\x03\x01\x00\x00",
        b"SSH-2.0-nobody\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nbroken header\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 503 Unavailable\r\ncontent-length: -7\r\n\r\n",
        b"HTTP/1.1 503 Unavailable\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 204 No Con",
    ],
)
async def test_what_is_no_http_leaves_the_call_uncertain(
    http: Http, issuer: Issuer, clock: ManualClock, nonsense: bytes
) -> None:
    async with saying(nonsense) as base:
        client = GraphClient(http, SignIn(issuer, clock), base, "muster/1.0", clock)

        outcome = await trigger_one(client, a_call())

    assert isinstance(outcome, Uncertain)
    assert not outcome.is_answer


@pytest.mark.parametrize(
    "odd",
    [
        b"HTTP/1.1 503 Unavailable\r\ncontent-length: 50\r\n\r\n{",
        b"HTTP/1.1 503 Unavailable\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 503 Unavailable\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd",
        b"HTTP/1.0 503\r\n\r\nno length",
    ],
)
async def test_a_status_that_was_read_counts_whatever_became_of_the_body(
    http: Http, issuer: Issuer, clock: ManualClock, odd: bytes
) -> None:
    async with saying(odd) as base:
        client = GraphClient(http, SignIn(issuer, clock), base, "muster/1.0", clock)

        outcome = await trigger_one(client, a_call())

    assert isinstance(outcome, Deferred)
    assert outcome.error.http_status == 503


async def test_a_proxy_that_makes_no_connection_has_sent_nothing(
    issuer: Issuer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with saying(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        async with open_http(trust_in(None)) as opened:
            client = GraphClient(opened, SignIn(issuer, clock), "https://graph.contoso.example", "muster/1.0", clock)

            outcome = await trigger_one(client, a_call())

    assert isinstance(outcome, Deferred)
    assert outcome.never_arrived
    assert outcome.error.code == "ProxyRefused"
