from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from orchestrator.simulator.authorizing import Visitor

A, B = (f"00000000-0000-4000-8000-00000000000{n}" for n in "ab")


async def control(ask: Any, graph: Any, method: str, path: str, body: Any = None) -> Any:
    return await ask(graph, path=f"/_simulator/{path}", method=method, body=body, token=None)


async def test_the_ledger_is_read_in_pages(graph: Any, ask: Any) -> None:
    for _ in range(5):
        await ask(graph, A)

    page = (await control(ask, graph, "GET", "ledger?offset=3&limit=10")).json()

    assert page["total"] == 5
    assert len(page["calls"]) == 2
    assert page["calls"][0]["device"] == A
    assert page["calls"][0]["arrivedAt"] == "2023-11-14T22:30:00Z"


async def test_the_ledger_is_read_as_csv_and_by_device(graph: Any, ask: Any) -> None:
    await ask(graph, A)
    await ask(graph, B)

    text = (await control(ask, graph, "GET", f"ledger?format=csv&device={B}")).text

    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["device"], row["status"], row["effect"]) == (B, "204", "True")


async def test_the_summary_adds_up(graph: Any, ask: Any, stepped: Any) -> None:
    graph.refuse(B, status=404)
    for device in (A, A, B):
        await ask(graph, device)
        stepped.advance(15)

    summary = (await control(ask, graph, "GET", "summary?seconds=20")).json()

    assert summary["calls"] == 3
    assert summary["byStatus"] == {"204": 2, "404": 1}
    assert (summary["effects"], summary["devicesAsked"], summary["devicesAffected"]) == (2, 2, 1)
    assert summary["peak"] == {"seconds": 20, "calls": 2}
    assert summary["repeated"] == {"devices": 1, "examples": {A: 2}}


async def test_faults_are_scripted_and_dropped_from_outside(graph: Any, ask: Any) -> None:
    scripted = await control(
        ask,
        graph,
        "POST",
        "faults",
        [{"fault": "refuse", "devices": [A], "status": 423}, {"fault": "outage", "seconds": 0}],
    )
    refused = await ask(graph, A)
    await control(ask, graph, "DELETE", "faults")
    passed = await ask(graph, A)

    assert (scripted.status_code, refused.status_code, passed.status_code) == (204, 423, 204)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"fault": "explode"}),
        ("faults", {"fault": "_add"}),
        ("faults", {"fault": "refuse", "colour": "red"}),
        ("faults", {}),
        ("quota", {"limit": "many"}),
        ("quota", {"colour": "red"}),
        ("latency", {"low": "quick"}),
        ("latency", [1]),
        ("faults", b"{"),
    ],
)
async def test_what_cannot_be_understood_is_said(graph: Any, ask: Any, path: str, body: Any) -> None:
    answer = await control(ask, graph, "POST", path, body)

    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_the_quota_is_changed_from_outside(graph: Any, ask: Any) -> None:
    await control(ask, graph, "POST", "quota", {"limit": "1/4s", "retry_after": "none"})
    limited = [(await ask(graph, A)).status_code for _ in range(2)]
    await control(ask, graph, "POST", "quota", {"limit": "none"})
    free = await ask(graph, A)

    assert limited == [204, 429]
    assert free.status_code == 204


async def test_latency_is_changed_from_outside(graph: Any, ask: Any, stepped: Any) -> None:
    await control(ask, graph, "POST", "latency", {"low": 0.2, "high": 0.3})
    await ask(graph, A)

    assert 0.2 <= stepped.pauses[0] <= 0.3


async def test_a_reset_from_outside_empties_the_ledger(graph: Any, ask: Any) -> None:
    await ask(graph, A)

    await control(ask, graph, "POST", "reset")

    assert (await control(ask, graph, "GET", "summary")).json()["calls"] == 0


@pytest.mark.parametrize(("method", "path"), [("GET", "nothing"), ("POST", "ledger"), ("DELETE", "quota")])
async def test_an_unknown_control_is_404(graph: Any, ask: Any, method: str, path: str) -> None:
    assert (await control(ask, graph, method, path)).status_code == 404


async def test_a_page_that_is_no_number_is_said(graph: Any, ask: Any) -> None:
    assert (await control(ask, graph, "GET", "ledger?offset=first")).status_code == 400


async def test_who_sits_at_the_browser_is_said_from_outside(graph: Any, ask: Any) -> None:
    said = {"name": "alex@contoso.example", "roles": ["Muster.Admin"]}

    answer = await control(ask, graph, "POST", "entra", {"visitor": said})

    assert answer.status_code == 204
    assert graph.entra.visitor == Visitor("alex@contoso.example", ("Muster.Admin",))
