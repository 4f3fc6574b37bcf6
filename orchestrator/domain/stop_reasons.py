"""Why a job stopped by itself, in words that say what to mend."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.circuit_breaker import Outage, OutcomeWindow
from orchestrator.domain.outcome import Bar, GraphError

_MEND = {
    Bar.TOKEN_REFUSED: (
        "Graph refused the token. Check the tenant id, the client id, the secret or certificate and the cloud; "
        "`muster tenant check` shows what the token says."
    ),
    Bar.PERMISSION_MISSING: (
        "Graph refused the permission. Give the app DeviceManagementManagedDevices.PrivilegedOperations.All with admin "
        "consent (a signed-in person also needs an Intune role with Remote tasks), and see that the tenant has an "
        "Intune licence; `muster tenant check` shows what the token carries."
    ),
    Bar.APPROVAL_REQUIRED: (
        "The tenant wants a second administrator's approval for this (Multi Admin Approval). Muster does not file "
        "approval requests: exclude the app from the policy."
    ),
    Bar.WRONG_ENDPOINT: (
        "Graph does not know this address or method. Check MUSTER_CLOUD and MUSTER_GRAPH_URL; the action exists in the "
        "beta version only, and not in every cloud."
    ),
    Bar.TENANT_UNABLE: (
        "Graph says that this tenant cannot do this. No device is at fault: all that got this answer wait again. See "
        "that the tenant has an active Intune licence, that Configuration Manager is attached to it (tenant attach or "
        "co-management), and that the feature is on."
    ),
    Bar.REFUSED_ALIKE: (
        "Graph refused the first devices of this job all in the same way, accepted none, and did not name the device "
        "as the cause. The job stopped before it called more; every device that got this answer waits again. Read what "
        "Graph said, and try the action for one device in the Intune admin center. If only these devices are at fault, "
        "leave them out of the list, or submit the job with `--brake-share 100`, which never stops."
    ),
    Bar.UNREACHABLE: (
        "Graph or its sign-in could not be reached for hours. Check the network, the proxy variables and "
        "MUSTER_GRAPH_URL; `muster doctor` goes the way that a call goes."
    ),
}


CANARIES_LOST = (
    "The database no longer tells which devices were to be called first (--canary), so the job stopped before the "
    "others. `muster job resume` goes on without canaries."
)


def reason_for(bar: Bar, error: GraphError) -> str:
    """One paragraph: the event, the remedy, Graph's message, and how to resume."""
    said = "It said" if bar is not Bar.UNREACHABLE else "The last try"
    return f"{_MEND[bar]} {said}: {_quoted(error)}. Then go on with `muster job resume`."


def brake_reason(window: OutcomeWindow, options: BrakeOptions) -> str:
    """Too many true errors: what the brake saw."""
    return (
        f"The brake: {window.errors:,} of the last {window.ended:,} devices failed, more than the {options.share} % "
        f"that are let pass. {_LOOK_AND_GO_ON}"
    )


def canary_reason(window: OutcomeWindow, options: BrakeOptions) -> str:
    """The canaries fared badly: nothing else was called."""
    return (
        f"The canaries: {window.errors:,} of {window.ended:,} failed, more than the {options.share} % that are let "
        f"pass; no other device was called. {_LOOK_AND_GO_ON}"
    )


def outage_reason(outage: Outage, error: GraphError, patience: timedelta) -> str:
    """Why a job that runs calls nothing, when it tries again, and until when it does."""
    return (
        f"Graph answers nothing but errors since {outage.since:%H:%M:%S} UTC; the last was {_quoted(error)}. "
        f"One device at a time is tried until it is back: {outage.probes} so far, the next at "
        f"{outage.probe_at:%H:%M:%S}. Nothing needs to be done; if it is not back by "
        f"{outage.since + patience:%Y-%m-%d %H:%M}, the job stops. "
        "Pausing or cancelling the job ends it sooner."
    )


def outage_stop_reason(since: datetime, error: GraphError) -> str:
    """An outage outlasted the patience."""
    return (
        f"Graph has answered nothing but errors since {since:%Y-%m-%d %H:%M} UTC, and the last try failed too: "
        f"{_quoted(error)}. Either it is out (service health is in the Microsoft 365 admin center), or it cannot do "
        "this action for these devices: try it for one in the Intune admin center. Then go on with `muster job resume`."
    )


def _quoted(error: GraphError) -> str:
    status = f"HTTP {error.http_status} " if error.http_status is not None else ""
    said = f"{status}{error.code}: {error.message}".strip().rstrip(":.")
    return said + (f" (request-id {error.request_id})" if error.request_id else "")


_LOOK_AND_GO_ON = (
    "Devices that are gone or unsupported do not count. See `muster job errors`, mend it, and go on with `muster job "
    "resume`."
)
