from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from orchestrator.domain.outcome import Bar, Barred, Refused
from orchestrator.domain.stop_reasons import reason_for
from orchestrator.graph.responses import read_reply

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def read(status: int, code: str, message: str) -> object:
    return read_reply(status, {}, json.dumps({"error": {"code": code, "message": message}}).encode(), NOW)


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize(
    "message",
    [
        "Request not applicable to target tenant.",
        "Tenant does not have a valid Intune license.",
        "The tenant is not licensed for this feature.",
        "An Intune licence is required to perform this operation.",
        "The subscription has expired.",
        "Tenant is not enrolled for tenant attach.",
        "The organization has not been onboarded to Configuration Manager cloud attach.",
        "This tenant isn't enabled for device actions.",
        "The feature is disabled for this tenant.",
        "Feature 'ConfigMgrActions' is not enabled.",
        "Co-management is turned off.",
        "The operation is not available in your organization.",
        "Tenant attach is not configured.",
    ],
)
def test_what_the_tenant_cannot_do_stops_the_job_in_graphs_own_words(status: int, message: str) -> None:
    outcome = read(status, "BadRequest" if status == 400 else "Forbidden", message)

    assert isinstance(outcome, Barred), outcome
    assert outcome.bar is Bar.TENANT_UNABLE
    assert message.rstrip(".") in reason_for(outcome.bar, outcome.error)


@pytest.mark.parametrize(
    "message",
    [
        "The device does not support this action.",
        "This feature is not supported on this device.",
        "The feature is not available on the device's platform.",
        "Device is not co-managed.",
        "The device is not enrolled.",
        "Id 'x' is not a valid GUID.",
        "An error has occurred",
        "",
    ],
)
def test_what_concerns_a_device_stays_with_the_device(message: str) -> None:
    assert isinstance(read(400, "BadRequest", message), Refused)


def test_a_missing_permission_is_still_a_missing_permission() -> None:
    outcome = read(403, "Forbidden", "Application must have one of the following scopes: A.B")

    assert isinstance(outcome, Barred)
    assert outcome.bar is Bar.PERMISSION_MISSING


@pytest.mark.parametrize(
    "code",
    ["TenantNotOnboarded", "NoValidIntuneLicense", "SubscriptionExpired", "Tenant_Not_Enrolled", "FeatureDisabled"],
)
def test_a_code_that_names_the_tenant_needs_no_message(code: str) -> None:
    outcome = read(400, code, "An error has occurred")

    assert isinstance(outcome, Barred)
    assert outcome.bar is Bar.TENANT_UNABLE


@pytest.mark.parametrize("code", ["DeviceNotEnrolled", "ResourceNotFound", "NotSupported", "ManagedDeviceNotOnboarded"])
def test_a_code_that_names_a_device_stays_with_the_device(code: str) -> None:
    assert isinstance(read(400, code, "An error has occurred"), Refused)
