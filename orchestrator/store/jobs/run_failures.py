"""The devices that failed in two runs of one schedule, and those that were accepted again."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select

from orchestrator.domain.ids import JobNumber
from orchestrator.domain.target import TargetStatus
from orchestrator.store.engine.repository import Repository
from orchestrator.store.rows.targets import TargetRow


@dataclass(frozen=True, slots=True)
class RunTarget:
    """A device in a run: its name as the list had it, and how it ended."""

    job: JobNumber
    device: str
    name: str | None
    status: TargetStatus
    http_status: int | None
    code: str | None


class RunFailures(Repository):
    """Queries over all targets of two jobs, by the key of the table; none of them commits."""

    async def of(self, run: JobNumber, before: JobNumber) -> list[RunTarget]:
        """The targets of both that failed or are uncertain, and those of `run` that failed before and were accepted."""
        failed_before = select(TargetRow.device).where(TargetRow.job_number == before, TargetRow.status.in_(_BAD))
        mended = select(*_COLUMNS).where(
            TargetRow.job_number == run,
            TargetRow.status == TargetStatus.ACCEPTED,
            TargetRow.device.in_(failed_before),
        )
        failures = [_failures_of(number) for number in (run, before)]
        rows = await self._connection.execute(failures[0].union_all(failures[1], mended))
        return [
            RunTarget(JobNumber(number), device, name, TargetStatus(status), http_status, code)
            for number, device, name, status, http_status, code in rows
        ]


def _failures_of(number: JobNumber) -> Select[int, str, str | None, str, int | None, str | None]:
    return select(*_COLUMNS).where(TargetRow.job_number == number, TargetRow.status.in_(_BAD))


_BAD = (TargetStatus.FAILED, TargetStatus.UNCERTAIN)
_COLUMNS = (
    TargetRow.job_number,
    TargetRow.device,
    TargetRow.name,
    TargetRow.status,
    TargetRow.http_status,
    TargetRow.error_code,
)
