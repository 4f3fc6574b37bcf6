from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.throttling import Quota

A, B = (f"00000000-0000-4000-8000-00000000000{n}" for n in "ab")
DEVICES = [f"00000000-0000-4000-8000-{n:012x}" for n in range(400)]


def inner(answer: httpx.Response) -> Any:
    return json.loads(answer.json()["error"]["message"])


@pytest.mark.parametrize("status", [400, 403, 404, 409, 423, 429, 500, 502, 503, 504, 507, 509])
async def test_one_device_can_be_refused_with_any_status(graph: Any, ask: Any, status: int) -> None:
    graph.refuse(A, status=status, retry_after="7")

    refused, other = await ask(graph, A), await ask(graph, B)

    assert (refused.status_code, other.status_code) == (status, 204)
    assert refused.json()["error"]["innerError"]["request-id"] == refused.headers["request-id"]
    assert graph.tenant.effects == {B: 1}


async def test_a_status_may_name_a_wait(graph: Any, ask: Any) -> None:
    graph.refuse(A, status=503, retry_after="7")

    assert (await ask(graph, A)).headers["retry-after"] == "7"


async def test_intune_writes_json_into_its_message(graph: Any, ask: Any) -> None:
    graph.refuse(A, status=400)

    answer = await ask(graph, A)

    assert inner(answer)["_version"] == 3
    assert answer.headers["request-id"] in inner(answer)["Message"]


Script = Callable[[SimulatedGraph], None]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (lambda graph: graph.withdraw_consent(), (403, "PrivilegedOperations.All")),
        (lambda graph: graph.deny_by_intune(), (403, "urn:intune:service")),
        (lambda graph: graph.want_approval(status=400), (400, "x-msft-approval-justification")),
        (lambda graph: graph.want_approval(status=412), (412, "ApprovalRequired")),
        (lambda graph: graph.answer_html(), (200, "<html>")),
        (lambda graph: graph.answer_success(status=202), (202, "queued")),
        (lambda graph: graph.answer_truncated(), (503, '{"error": {"code": "Servi')),
        (lambda graph: graph.answer_rubbish(), (503, "Unwell")),
        (lambda graph: graph.answer_huge(megabytes=1), (500, "x" * 1024 * 1024)),
        (lambda graph: graph.refuse(status=504, effect=False), (504, "GatewayTimeout")),
    ],
)
async def test_replies_that_are_no_success_have_no_effect(
    graph: Any, ask: Any, script: Script, expected: tuple[int, str]
) -> None:
    script(graph)

    answer = await ask(graph)

    assert answer.status_code == expected[0]
    assert expected[1] in answer.text
    assert graph.tenant.effects == {}


async def test_a_redirect_points_to_another_host(graph: Any, ask: Any) -> None:
    graph.redirect(A, status=307, to="https://elsewhere.example/x")

    answer = await ask(graph, A)

    assert (answer.status_code, answer.headers["location"]) == (307, "https://elsewhere.example/x")


async def test_a_refusal_may_lie(graph: Any, ask: Any) -> None:
    graph.refuse(A, status=504, effect=True)

    answer = await ask(graph, A)

    assert answer.status_code == 504
    assert graph.tenant.effects == {A: 1}


async def test_a_lost_reply_had_its_effect_and_happens_once(graph: Any, ask: Any) -> None:
    graph.lose_reply(A)

    with pytest.raises(httpx.ReadError):
        await ask(graph, A)
    again = await ask(graph, A)

    lost = graph.tenant.calls[0]
    assert (lost.status, lost.effect, lost.delivered) == (0, True, False)
    assert again.status_code == 204
    assert graph.tenant.repeated() == {A: 2}
    assert graph.tenant.undelivered == 1


async def test_a_closed_connection_had_no_effect(graph: Any, ask: Any) -> None:
    graph.close_connection(A)

    with pytest.raises(httpx.ReadError):
        await ask(graph, A)

    assert graph.tenant.effects == {}


async def test_a_device_hangs_for_as_long_as_told(graph: Any, ask: Any, stepped: Any) -> None:
    graph.hang(A, seconds=45)

    answer = await ask(graph, A)

    assert answer.status_code == 204
    assert stepped.pauses == [45]


async def test_latency_lies_in_its_range_and_adds_to_slowness(graph: Any, ask: Any, stepped: Any) -> None:
    graph.answer_within(0.05, 0.15)
    graph.slow_down(low=1, high=2)

    for device in DEVICES[:50]:
        await ask(graph, device)

    assert len(stepped.pauses) == 50
    assert 1.05 <= min(stepped.pauses) < max(stepped.pauses) <= 2.15


async def test_an_outage_ends_by_itself(graph: Any, ask: Any, stepped: Any) -> None:
    graph.outage(seconds=5, starts_in=1)

    answers = []
    for _ in range(7):
        answers.append((await ask(graph)).status_code)
        stepped.advance(1)

    assert answers == [204, 503, 503, 503, 503, 503, 204]


async def test_an_outage_strikes_devices_that_have_a_fault_of_their_own_too(graph: Any, ask: Any, stepped: Any) -> None:
    graph.refuse(DEVICES[0], 404)
    graph.outage(seconds=5)

    answers = []
    for _ in range(2):
        answers.append((await ask(graph, DEVICES[0])).status_code)
        stepped.advance(5)

    assert answers == [503, 404]


async def test_an_outage_strikes_envelopes_as_a_whole(graph: Any, ask: Any, stepped: Any) -> None:
    graph.outage(seconds=5, status=502)
    part = {"id": "1", "method": "POST", "url": "/deviceManagement"}

    answers = []
    for _ in range(2):
        answers.append((await ask(graph, path="/beta/$batch", body={"requests": [part]})).status_code)
        stepped.advance(5)

    assert answers == [502, 200]


async def test_the_next_few_calls_can_fail_whoever_makes_them(graph: Any, ask: Any) -> None:
    graph.refuse(status=500, times=2)

    answers = [(await ask(graph, device)).status_code for device in DEVICES[:4]]

    assert answers == [500, 500, 204, 204]


async def test_times_counts_for_each_named_device(graph: Any, ask: Any) -> None:
    graph.refuse([A, B], status=500, times=1)

    answers = [(await ask(graph, device)).status_code for device in (A, A, B, B)]

    assert answers == [500, 204, 500, 204]


async def test_consent_can_go_in_the_middle(graph: Any, ask: Any) -> None:
    graph.withdraw_consent(after_calls=3)

    answers = [(await ask(graph, device)).status_code for device in DEVICES[:5]]

    assert answers == [204, 204, 204, 403, 403]


async def failing(graph: Any, ask: Any, devices: list[str]) -> set[str]:
    return {device for device in devices if (await ask(graph, device)).status_code != 204}


async def test_a_share_strikes_the_same_devices_for_the_same_seed_in_any_order(make_graph: Any, ask: Any) -> None:
    forwards, backwards, other = make_graph(seed=1), make_graph(seed=1), make_graph(seed=2)
    for each in (forwards, backwards, other):
        each.refuse(status=404, share=0.1)

    struck = await failing(forwards, ask, DEVICES)

    assert 20 <= len(struck) <= 60
    assert await failing(forwards, ask, DEVICES) == struck
    assert await failing(backwards, ask, DEVICES[::-1]) == struck
    assert await failing(other, ask, DEVICES) != struck


async def test_a_share_of_a_passing_fault_strikes_calls_not_devices(make_graph: Any, ask: Any) -> None:
    graph = make_graph(seed=1)
    graph.refuse(status=503, share=0.1)

    struck = await failing(graph, ask, DEVICES)

    assert struck
    assert await failing(graph, ask, sorted(struck)) != struck


async def test_throttling_comes_before_a_scripted_fault(make_graph: Any, ask: Any, stepped: Any) -> None:
    graph = make_graph(Quota(1, 10))
    await ask(graph, B)
    graph.lose_reply(A)

    refused = await ask(graph, A)
    stepped.advance(10)

    assert refused.status_code == 429
    with pytest.raises(httpx.ReadError):
        await ask(graph, A)
