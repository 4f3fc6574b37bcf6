from __future__ import annotations

from typing import Any

A, B = (f"00000000-0000-4000-8000-00000000000{n}" for n in "ab")


async def test_success_is_204_with_the_headers_of_graph_and_no_body(graph: Any, ask: Any) -> None:
    answer = await ask(graph, headers={"client-request-id": "c-1"})

    assert answer.status_code == 204
    assert answer.content == b""
    assert answer.headers["client-request-id"] == "c-1"
    assert answer.headers["request-id"] == graph.tenant.calls[0].request_id
    assert answer.headers["date"] == "Tue, 14 Nov 2023 22:30:00 GMT"
    assert "ServerInfo" in answer.headers["x-ms-ags-diagnostic"]
    assert "content-length" not in answer.headers


async def test_the_ledger_keeps_what_arrived_and_what_it_did(graph: Any, ask: Any, stepped: Any) -> None:
    await ask(graph, A.upper(), headers={"client-request-id": "c-1"})
    stepped.advance(2)
    await ask(graph, B, token=None)

    first, second = graph.tenant.calls
    assert (first.device, first.via, first.action, first.client_request_id) == (
        A,
        "managedDevices",
        "refreshUserPolicy",
        "c-1",
    )
    assert (first.arrived, first.arrived_at) == (1_000.0, 1_700_001_000.0)
    assert (first.status, first.effect, first.delivered, first.envelope) == (204, True, True, None)
    assert (second.arrived, second.status, second.effect) == (1_002.0, 401, False)
    assert graph.tenant.effects == {A: 1}


async def test_an_action_done_twice_is_seen(graph: Any, ask: Any) -> None:
    await ask(graph, A)
    await ask(graph, A)
    await ask(graph, B)

    assert graph.tenant.repeated() == {A: 2}
    assert len(graph.tenant.calls_for(A)) == 2


async def test_counts_only_keeps_sums_and_the_fullest_window(make_graph: Any, ask: Any, stepped: Any) -> None:
    graph = make_graph(counts_only=True)
    for _ in range(3):
        await ask(graph, A)
    stepped.advance(20)
    await ask(graph, B)

    assert graph.tenant.calls == []
    assert graph.tenant.effects == {A: 3, B: 1}
    assert graph.tenant.by_status == {204: 4}
    assert (graph.tenant.peak(20), graph.tenant.peak(21)) == (3, 4)


async def test_devices_outside_a_known_set_do_not_exist(make_graph: Any, ask: Any) -> None:
    graph = make_graph(known_devices=[A.upper()])

    known, unknown = await ask(graph, A), await ask(graph, B)

    assert (known.status_code, unknown.status_code) == (204, 404)
    assert unknown.json()["error"]["code"] == "ResourceNotFound"


async def test_a_reset_forgets_calls_and_faults(graph: Any, ask: Any) -> None:
    graph.refuse(A, status=404)
    await ask(graph, A)

    graph.reset()
    answer = await ask(graph, A)

    assert answer.status_code == 204
    assert graph.tenant.total == 1
