"""The seven things that can be asked of a device's ConfigMgr client."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """`configurationManagerActionType` as Graph spells it; the enumeration has no member for the future.

    https://learn.microsoft.com/graph/api/resources/intune-devices-configurationmanageractiontype?view=graph-rest-beta
    """

    REFRESH_MACHINE_POLICY = "refreshMachinePolicy"
    REFRESH_USER_POLICY = "refreshUserPolicy"
    WAKE_UP_CLIENT = "wakeUpClient"
    APP_EVALUATION = "appEvaluation"
    QUICK_SCAN = "quickScan"
    FULL_SCAN = "fullScan"
    WINDOWS_DEFENDER_UPDATE_SIGNATURES = "windowsDefenderUpdateSignatures"

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent again by itself when it is not known if it happened."""
        return self not in _COSTLY

    @property
    def is_costly(self) -> bool:
        """Whether a device pays for it in hours rather than seconds."""
        return self in _COSTLY

    @property
    def effect(self) -> str:
        """One sentence for people: what the client does."""
        return _TOLD[self][1]

    @property
    def label(self) -> str:
        """The plain name for people, as the admin center has it; details and the API have Graph's own name."""
        return _TOLD[self][0]


def parse_action(text: str) -> Action | None:
    """The action of this name in any letter case, or None."""
    return _BY_FOLDED_NAME.get(text.strip().casefold())


_COSTLY = frozenset({Action.FULL_SCAN})
_BY_FOLDED_NAME = {action.casefold(): action for action in Action}
_TOLD = {
    Action.REFRESH_MACHINE_POLICY: ("Refresh machine policy", "the client downloads and evaluates its machine policy"),
    Action.REFRESH_USER_POLICY: (
        "Refresh user policy",
        "the client downloads its user policy; it matters only while a user is logged on",
    ),
    Action.WAKE_UP_CLIENT: ("Wake up client", "the site asks awake neighbours to send a wake-up packet"),
    Action.APP_EVALUATION: (
        "Evaluate applications",
        "the client evaluates its application deployments; required installs may start",
    ),
    Action.QUICK_SCAN: ("Quick scan", "Defender scans the usual places; minutes of disk and processor"),
    Action.FULL_SCAN: ("Full scan", "Defender scans everything; hours of disk and processor"),
    Action.WINDOWS_DEFENDER_UPDATE_SIGNATURES: ("Update signatures", "the client downloads new malware definitions"),
}
"""The name for people, and one sentence: what the client does."""
