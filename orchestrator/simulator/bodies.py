"""The documented body of the action, and what is wrong with any other; pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

ACTIONS = frozenset(
    {
        "refreshMachinePolicy",
        "refreshUserPolicy",
        "wakeUpClient",
        "appEvaluation",
        "quickScan",
        "fullScan",
        "windowsDefenderUpdateSignatures",
    }
)
_TYPE = "microsoft.graph.configurationManagerAction"


@dataclass(frozen=True, slots=True)
class BadBody:
    """Why the body is not the documented one."""

    reason: str


def action_in(body: bytes) -> str | BadBody:
    """The action that a request body asks for."""
    try:
        return action_in_json(json.loads(body))
    except ValueError:
        return BadBody("Unable to read JSON request payload.")


def action_in_json(body: object) -> str | BadBody:
    """The action that an already read body asks for."""
    if not isinstance(body, dict) or set(body) != {"configurationManagerAction"}:
        return BadBody("The request body must hold configurationManagerAction and nothing else.")
    wanted = body["configurationManagerAction"]
    if not isinstance(wanted, dict) or not set(wanted) <= {"@odata.type", "action"}:
        return BadBody("configurationManagerAction must be an object with the property action.")
    # Microsoft's documents have both spellings of the type, and do not say whether it may be left out.
    if str(wanted.get("@odata.type", _TYPE)).removeprefix("#") != _TYPE:
        return BadBody("The type of configurationManagerAction is not known.")
    action = wanted.get("action")
    if not isinstance(action, str) or action not in ACTIONS:
        return BadBody(f"Requested value {action!r} was not found in configurationManagerActionType.")
    return action
