from __future__ import annotations

from typing import Any

import httpx
import pytest

from orchestrator.simulator.throttling import Quota

DEVICES = [f"00000000-0000-4000-8000-{n:012x}" for n in range(20)]


def a_part(device: str, identifier: str | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": identifier or device[-3:],
        "method": "POST",
        "url": f"/deviceManagement/managedDevices/{device}/triggerConfigurationManagerAction",
        "headers": {"Content-Type": "application/json"},
        "body": {"configurationManagerAction": {"action": "refreshUserPolicy"}},
        **changes,
    }


async def post(ask: Any, graph: Any, *parts: dict[str, Any], version: str = "beta", **options: Any) -> httpx.Response:
    answer: httpx.Response = await ask(graph, path=f"/{version}/$batch", body={"requests": list(parts)}, **options)
    return answer


def by_id(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    assert answer.status_code == 200
    return {each["id"]: each for each in answer.json()["responses"]}


async def test_twenty_parts_are_answered_in_any_order(graph: Any, ask: Any) -> None:
    answer = await post(ask, graph, *map(a_part, DEVICES))

    order = [each["id"] for each in answer.json()["responses"]]
    assert sorted(order) == [device[-3:] for device in DEVICES]
    assert order != sorted(order)
    assert {each["status"] for each in answer.json()["responses"]} == {204}
    assert graph.tenant.effects == dict.fromkeys(DEVICES, 1)


async def test_every_part_is_in_the_ledger_under_its_envelope(graph: Any, ask: Any) -> None:
    part = a_part(DEVICES[0], headers={"content-type": "application/json", "client-request-id": "own"})

    answer = await post(ask, graph, part, a_part(DEVICES[1]), headers={"client-request-id": "whole"})

    (envelope,) = graph.tenant.envelopes
    assert (envelope.parts, envelope.status, envelope.delivered) == (2, 200, True)
    assert answer.headers["request-id"] == envelope.id
    assert [(call.envelope, call.client_request_id) for call in graph.tenant.calls] == [
        (envelope.id, "own"),
        (envelope.id, "whole"),
    ]


async def test_only_the_parts_over_the_quota_are_refused(make_graph: Any, ask: Any) -> None:
    graph = make_graph(Quota(15, 20))

    answers = by_id(await post(ask, graph, *map(a_part, DEVICES)))

    refused = [each for each in answers.values() if each["status"] == 429]
    assert len(refused) == 5
    assert all(each["headers"]["Retry-After"] == "20" for each in refused)
    assert sum(graph.tenant.effects.values()) == 15


async def test_each_part_meets_its_own_fault(graph: Any, ask: Any) -> None:
    missing, unwell, lost, closed, fine = DEVICES[:5]
    graph.refuse(missing, status=404)
    graph.refuse(unwell, status=503, retry_after="9")
    graph.lose_reply(lost)
    graph.close_connection(closed)

    answers = by_id(await post(ask, graph, *map(a_part, DEVICES[:5])))

    assert [answers[device[-3:]]["status"] for device in DEVICES[:5]] == [404, 503, 504, 504, 204]
    assert answers[unwell[-3:]]["headers"]["Retry-After"] == "9"
    assert answers[missing[-3:]]["body"]["error"]["code"] == "ResourceNotFound"
    assert graph.tenant.effects == {lost: 1, fine: 1}


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [a_part(device, str(n)) for n, device in enumerate([*DEVICES, DEVICES[0]])],
        [a_part(DEVICES[0], "a"), a_part(DEVICES[1], "A")],
        [{"id": "1"}],
        [{**a_part(DEVICES[0]), "id": 1}],
        ["text"],
        None,
    ],
)
async def test_a_malformed_envelope_is_refused_as_a_whole(graph: Any, ask: Any, requests: Any) -> None:
    answer = await ask(graph, path="/beta/$batch", body={"requests": requests})

    assert answer.status_code == 400
    assert graph.tenant.calls == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"method": "GET"}, 405),
        ({"url": "deviceManagement/managedDevices/x/triggerConfigurationManagerAction"}, 400),
        ({"url": "/beta/deviceManagement"}, 400),
        ({"headers": None}, 400),
        ({"body": None}, 400),
        ({"body": {}}, 400),
    ],
)
async def test_a_wrong_part_fails_alone(graph: Any, ask: Any, changes: dict[str, Any], status: int) -> None:
    answers = by_id(await post(ask, graph, a_part(DEVICES[0], **changes), a_part(DEVICES[1])))

    assert answers[DEVICES[0][-3:]]["status"] == status
    assert answers[DEVICES[1][-3:]]["status"] == 204


async def test_a_v1_envelope_cannot_reach_a_beta_action(graph: Any, ask: Any) -> None:
    answers = by_id(await post(ask, graph, a_part(DEVICES[0]), version="v1.0"))

    assert answers[DEVICES[0][-3:]]["status"] == 405


async def test_a_part_fails_with_the_part_it_depends_on(graph: Any, ask: Any) -> None:
    graph.refuse(DEVICES[0])

    answers = by_id(await post(ask, graph, a_part(DEVICES[0], "1"), a_part(DEVICES[1], "2", dependsOn=["1"])))

    assert (answers["1"]["status"], answers["2"]["status"]) == (404, 424)
    assert graph.tenant.effects == {}


async def test_the_encoded_spelling_of_the_path_is_the_same(graph: Any, ask: Any) -> None:
    answer = await ask(graph, path="/beta/%24batch", body={"requests": [a_part(DEVICES[0])]})

    assert answer.status_code == 200


@pytest.mark.parametrize("status", [400, 429, 501, 503])
async def test_envelopes_can_be_refused_altogether(graph: Any, ask: Any, status: int) -> None:
    graph.refuse_envelopes(status, retry_after="3")

    answer = await post(ask, graph, a_part(DEVICES[0]))
    single = await ask(graph, DEVICES[0])

    assert (answer.status_code, single.status_code) == (status, 204)
    assert answer.headers["retry-after"] == "3"
    assert len(graph.tenant.calls) == 1


@pytest.mark.parametrize(("before_effect", "effects"), [(False, dict.fromkeys(DEVICES[:3], 1)), (True, {})])
async def test_an_envelope_can_be_lost(graph: Any, ask: Any, *, before_effect: bool, effects: dict[str, int]) -> None:
    graph.lose_envelope(before_effect=before_effect)

    with pytest.raises(httpx.ReadError):
        await post(ask, graph, *map(a_part, DEVICES[:3]))

    assert graph.tenant.effects == effects
    assert not any(call.delivered for call in graph.tenant.calls)
    assert not graph.tenant.envelopes[0].delivered


async def test_an_envelope_hangs_as_a_whole(graph: Any, ask: Any, stepped: Any) -> None:
    graph.hang_envelope(seconds=30)

    answer = await post(ask, graph, a_part(DEVICES[0]))

    assert answer.status_code == 200
    assert stepped.pauses == [30]


async def test_an_envelope_without_a_valid_token_is_401_as_a_whole(graph: Any, ask: Any) -> None:
    graph.revoke_token()

    answers = [(await post(ask, graph, a_part(DEVICES[0]), token=token)).status_code for token in ("old", "new")]

    assert answers == [401, 200]
    assert (await post(ask, graph, a_part(DEVICES[0]), token=None)).status_code == 401
