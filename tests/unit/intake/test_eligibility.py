from __future__ import annotations

import pytest

from orchestrator.intake.eligibility import Eligibility


def objection(**cells: str) -> str | None:
    return Eligibility.of([name.replace("_", " ") for name in cells]).objection(list(cells.values()))


@pytest.mark.parametrize(
    "cells",
    [
        {"OS": "Windows", "Managed_by": "Co-managed", "ManagementAgents": "10"},
        {"OS": "Windows", "Managed_by": "ConfigMgr", "ManagementAgents": "8"},
        {"ManagementAgents": "11"},
        {"ManagementAgent": "configurationManagerClient"},
        {"ManagementAgent": "ConfigurationManagerClientMdm", "OperatingSystem": "Windows"},
        {"ManagementAgent": "configurationManagerClientMdmEas"},
        {"Managed_by": "MDM/ConfigMgr"},
        {"Managed_by": "Intune", "ManagementAgents": "10"},
        {"OS": "", "Managed_by": "", "ManagementAgents": ""},
        {"OS": "Plan 9", "Managed_by": "A name of next year", "ManagementAgents": "4711"},
        {"ManagementAgent": "unknown"},
        {"ManagementAgents": "16"},
        {"Name": "iOS", "Model": "mdm"},
        {},
    ],
)
def test_a_device_that_may_take_the_action_or_of_which_nothing_is_known_is_eligible(cells: dict[str, str]) -> None:
    assert objection(**cells) is None


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"OS": "iOS/iPadOS"}, "runs iOS/iPadOS: only Windows"),
        ({"OS": "ANDROID (fully managed)"}, "only Windows"),
        ({"operating system": "Mac OS X"}, "only Windows"),
        ({"OS": "macOS", "ManagementAgents": "10"}, "only Windows"),
        ({"OS": "Linux (ubuntu)"}, "only Windows"),
        ({"OS": "Windows Phone"}, "only Windows"),
        ({"OS": "Windows", "Managed_by": "Intune"}, "is managed by Intune: there is no ConfigMgr client"),
        ({"Managed_by": "MDM"}, "is managed by MDM"),
        ({"Managed_by": "MDM/EAS"}, "is managed by MDM/EAS"),
        ({"ManagementAgents": "2"}, "is managed by 2"),
        ({"ManagementAgent": "mdm", "OperatingSystem": "Windows"}, "is managed by mdm"),
        ({"ManagementAgent": "msSense"}, "is managed by msSense"),
    ],
)
def test_a_device_without_a_configmgr_client_is_not(cells: dict[str, str], words: str) -> None:
    assert words in (objection(**cells) or "")


def test_a_row_that_ends_before_the_column_says_nothing() -> None:
    assert Eligibility.of(["Id", "OS", "Managed by"]).objection(["x"]) is None
