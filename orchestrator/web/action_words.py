"""The names of actions on pages, as the admin center has them; Graph's own names stand in details and in the API."""

from __future__ import annotations

from orchestrator.domain.action import Action


def action_words(action: Action) -> str:
    """The plain name of an action."""
    return _WORDS[action]


_WORDS = {
    Action.REFRESH_MACHINE_POLICY: "Refresh machine policy",
    Action.REFRESH_USER_POLICY: "Refresh user policy",
    Action.WAKE_UP_CLIENT: "Wake up client",
    Action.APP_EVALUATION: "Evaluate applications",
    Action.QUICK_SCAN: "Quick scan",
    Action.FULL_SCAN: "Full scan",
    Action.WINDOWS_DEFENDER_UPDATE_SIGNATURES: "Update signatures",
}
