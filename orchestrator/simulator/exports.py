"""Export jobs of the reports API: asked for, polled, and downloaded from another host than Graph's.

https://learn.microsoft.com/graph/api/resources/intune-reporting-devicemanagementexportjob
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.simulator import replies
from orchestrator.simulator.directory import Directory
from orchestrator.simulator.replies import Reply, iso
from orchestrator.simulator.tenant import Call
from orchestrator.simulator.throttling import Quota, Throttle

DOWNLOADS = "_downloads"
"""The first segment of a download's path; in a real tenant it lies on a blob host."""

_REQUESTS_A_MINUTE = Quota(48, 60.0, "sliding")
_REPORTS = frozenset({"Devices", "DevicesWithInventory", "ComanagementEligibilityTenantAttachedDevices"})
# Requested column -> property of managedDevice.
_COLUMNS = {
    "DeviceId": "id",
    "DeviceName": "deviceName",
    "SerialNumber": "serialNumber",
    "ReferenceId": "azureADDeviceId",
    "ManagementAgent": "managementAgent",
    "ManagementAgents": "managementAgent",
    "LastContact": "lastSyncDateTime",
    "UserId": "userId",
    "UPN": "userPrincipalName",
    "OS": "operatingSystem",
    "DeviceType": "operatingSystem",
}
_AGENT_NUMBERS = {
    "mdm": 2,
    "configurationManagerClient": 8,
    "configurationManagerClientMdm": 10,
    "configurationManagerClientMdmEas": 11,
    "msSense": 1024,
}


@dataclass(frozen=True, slots=True)
class ExportJob:
    """One job: `polls` were answered; it completes after `polls_needed`, or never where it hangs."""

    id: str
    report: str
    columns: tuple[str, ...]
    polls: int = 0
    hangs: bool = False
    fails: bool = False


class Exports:
    """The export jobs of one tenant, with their own limit of 48 requests a minute for each app."""

    def __init__(self, directory: Directory, *, wall: Callable[[], float]) -> None:
        self.polls_needed = 1
        self.hanging = 0
        self.failing = 0
        self.bearers_at_downloads: list[str] = []
        self.throttle = Throttle(_REQUESTS_A_MINUTE)
        self._directory, self._wall = directory, wall
        self._jobs: dict[str, ExportJob] = {}

    @property
    def begun(self) -> int:
        """How many jobs were asked for."""
        return len(self._jobs)

    def create(self, call: Call, body: bytes) -> Reply:
        """The answer to `POST …/exportJobs`."""
        if (wait := self.throttle.refuse_for(call.app, call.arrived, call.arrived_at)) is not None:
            return replies.too_many_requests(call, "integer", wait)
        try:
            asked = json.loads(body)
            report, columns = str(asked["reportName"]), tuple(map(str, asked.get("select") or ("DeviceId",)))
        except (ValueError, KeyError, TypeError, AttributeError):
            return replies.error(call, 400, "BadRequest", "The body is no export job.")
        unknown = [column for column in columns if column not in _COLUMNS]
        if report not in _REPORTS or unknown:
            what = f"column '{unknown[0]}'" if unknown else f"report '{report}'"
            return replies.error(call, 400, "BadRequest", f"There is no {what}.")
        job = ExportJob(f"{report}_{call.request_id}", report, columns)
        if self.hanging > 0:
            self.hanging, job = self.hanging - 1, replace(job, hangs=True)
        elif self.failing > 0:
            self.failing, job = self.failing - 1, replace(job, fails=True)
        self._jobs[job.id] = job
        return Reply(201, self._shown(job, "notStarted", None))

    def poll(self, call: Call, job_id: str, base: str) -> Reply:
        """The answer to `GET …/exportJobs('id')`; polls count as requests."""
        if (wait := self.throttle.refuse_for(call.app, call.arrived, call.arrived_at)) is not None:
            return replies.too_many_requests(call, "integer", wait)
        job = self._jobs.get(job_id)
        if job is None:
            return replies.error(call, 404, "ResourceNotFound", "There is no such export job.")
        job = self._jobs[job_id] = replace(job, polls=job.polls + 1)
        if job.hangs or job.polls <= self.polls_needed:
            return Reply(200, self._shown(job, "inProgress", None))
        if job.fails:
            return Reply(200, self._shown(job, "failed", None))
        return Reply(200, self._shown(job, "completed", f"{base}/{DOWNLOADS}/{job.id}.zip?sig=secret-of-{job.id}"))

    def download(self, name: str, query: Mapping[str, str], bearer: str) -> tuple[int, bytes]:
        """Status and body of a download; a blob host refuses a request that carries a token, and a wrong signature."""
        job = self._jobs.get(name.removesuffix(".zip"))
        if bearer:
            self.bearers_at_downloads.append(bearer)
            return 400, b"<?xml version='1.0'?><Error><Code>InvalidAuthenticationInfo</Code></Error>"
        if job is None or query.get("sig") != f"secret-of-{job.id}":
            return 403, b"<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code></Error>"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{job.id}.csv", self._csv(job))
        return 200, packed.getvalue()

    def _csv(self, job: ExportJob) -> str:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(job.columns)
        for device in self._devices(job.report):
            writer.writerow([_cell(column, device) for column in job.columns])
        return text.getvalue()

    def _devices(self, report: str) -> Sequence[Mapping[str, Any]]:
        if report == "ComanagementEligibilityTenantAttachedDevices":
            return [*self._directory.report_only.values()]
        return [*self._directory.devices.values()]

    def _shown(self, job: ExportJob, status: str, url: str | None) -> dict[str, object]:
        return {
            "id": job.id,
            "reportName": job.report,
            "status": status,
            "url": url,
            "requestDateTime": f"{iso(self._wall())}Z",
            "expirationDateTime": f"{iso(self._wall() + 6 * 3600)}Z" if url else "0001-01-01T00:00:00Z",
        }


def _cell(column: str, device: Mapping[str, Any]) -> str:
    value = device.get(_COLUMNS[column])
    if column == "ManagementAgents":
        return str(_AGENT_NUMBERS.get(str(value), 16))
    return "" if value is None else str(value)
