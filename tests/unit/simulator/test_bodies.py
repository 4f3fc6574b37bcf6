from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.simulator.bodies import ACTIONS, BadBody, action_in

TYPE = "microsoft.graph.configurationManagerAction"


@pytest.mark.parametrize("action", sorted(ACTIONS))
@pytest.mark.parametrize("kind", [{}, {"@odata.type": TYPE}, {"@odata.type": "#" + TYPE}])
def test_every_action_is_taken_with_either_spelling_of_the_type(action: str, kind: dict[str, str]) -> None:
    assert action_in(json.dumps({"configurationManagerAction": {**kind, "action": action}}).encode()) == action


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"{}",
        b'{"action": "fullScan"}',
        b'{"configurationManagerAction": "fullScan"}',
        b'{"configurationManagerAction": {}}',
        b'{"configurationManagerAction": {"action": "FullScan"}}',
        b'{"configurationManagerAction": {"action": 6}}',
        b'{"configurationManagerAction": {"action": "reboot"}}',
        b'{"configurationManagerAction": {"action": "fullScan", "force": true}}',
        b'{"configurationManagerAction": {"action": "fullScan"}, "force": true}',
        b'{"configurationManagerAction": {"action": "fullScan", "@odata.type": "microsoft.graph.wipe"}}',
    ],
)
async def test_any_other_body_is_a_bad_request(graph: Any, ask: Any, body: bytes) -> None:
    answer = await ask(graph, body=body, headers={"content-type": "application/json"})

    assert isinstance(action_in(body), BadBody)
    assert answer.status_code == 400
    assert graph.tenant.effects == {}


async def test_a_body_without_its_content_type_is_refused(graph: Any, ask: Any) -> None:
    answer = await ask(graph, body=b'{"configurationManagerAction": {"action": "fullScan"}}')

    assert answer.status_code == 400
    assert "Content-Type" in answer.json()["error"]["message"]


async def test_a_body_of_more_than_four_megabytes_is_too_large(graph: Any, ask: Any) -> None:
    answer = await ask(graph, body=b" " * (4 * 1024 * 1024 + 1), headers={"content-type": "application/json"})

    assert answer.status_code == 413
    assert graph.tenant.calls == []
