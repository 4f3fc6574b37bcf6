"""Keys, schedules and unfinished jobs that a caller created and that are still in force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select, update

from orchestrator.domain.access import caller_of_key
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import JobStatus
from orchestrator.domain.keys import Creations as Created
from orchestrator.domain.schedule import ScheduleStatus
from orchestrator.store.engine.repository import Repository
from orchestrator.store.jobs.job_locks import lock_jobs
from orchestrator.store.rows.access import KeyRow
from orchestrator.store.rows.jobs import JobRow
from orchestrator.store.rows.schedules import ScheduleRow

_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED)
_IN_FORCE = (ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED, ScheduleStatus.SET_ASIDE)


class Creations(Repository):
    """Queries and changes by creator; none of them commits. A caller is named as `Asker.caller` does."""

    async def of(self, callers: Sequence[str], *, now: datetime) -> Created:
        """The valid keys, the schedules that have not ended, and the unfinished jobs of these callers.

        A job of one of these schedules counts, also where another person started it.
        """
        valid = (KeyRow.revoked_at.is_(None), or_(KeyRow.expires_at.is_(None), KeyRow.expires_at > now))
        keys = select(KeyRow.id).where(KeyRow.creator.in_(callers), *valid).order_by(KeyRow.id)
        schedules = select(ScheduleRow.name).where(ScheduleRow.creator.in_(callers)).order_by(ScheduleRow.name)
        names = [*(await self._connection.execute(schedules.where(ScheduleRow.status.in_(_IN_FORCE)))).scalars()]
        jobs = select(JobRow.id).where(
            JobRow.status.in_(_UNFINISHED), or_(JobRow.submitter.in_(callers), JobRow.schedule.in_(names))
        )
        return Created(
            keys=tuple((await self._connection.execute(keys)).scalars()),
            schedules=tuple(names),
            jobs=tuple((await self._connection.execute(jobs.order_by(JobRow.number))).scalars()),
        )

    async def hand_over(self, key_id: str, *, to: str) -> None:
        """Let another key be the creator of everything that a key created, except of that other key itself."""
        caller, heir = caller_of_key(key_id), caller_of_key(to)
        keys = update(KeyRow).where(KeyRow.creator == caller, KeyRow.id != to).values(creator=heir)
        schedules = update(ScheduleRow).where(ScheduleRow.creator == caller).values(creator=heir)
        own = (JobRow.submitter == caller, JobRow.status.in_(_UNFINISHED))
        numbers = (await self._connection.execute(select(JobRow.number).where(*own))).scalars()
        await lock_jobs(self._connection, [JobNumber(number) for number in numbers])
        jobs = update(JobRow).where(*own).values(submitter=heir)
        for statement in (keys, schedules, jobs):
            await self._connection.execute(statement)
