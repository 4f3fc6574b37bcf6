from __future__ import annotations

import pytest

from orchestrator.domain.action import Action, parse_action


def test_the_seven_actions_are_spelled_as_graph_spells_them() -> None:
    assert {action.value for action in Action} == {
        "refreshMachinePolicy",
        "refreshUserPolicy",
        "wakeUpClient",
        "appEvaluation",
        "quickScan",
        "fullScan",
        "windowsDefenderUpdateSignatures",
    }


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("refreshUserPolicy", Action.REFRESH_USER_POLICY),
        ("REFRESHUSERPOLICY", Action.REFRESH_USER_POLICY),
        (" fullscan ", Action.FULL_SCAN),
        ("full scan", None),
        ("refreshPolicy", None),
        ("", None),
    ],
)
def test_an_action_is_known_in_any_letter_case(text: str, action: Action | None) -> None:
    assert parse_action(text) is action


@pytest.mark.parametrize("action", Action)
def test_only_the_full_scan_costs_hours_and_is_not_repeated_by_itself(action: Action) -> None:
    assert action.is_costly is (action is Action.FULL_SCAN)
    assert action.is_repeatable is (action is not Action.FULL_SCAN)
    assert action.effect
