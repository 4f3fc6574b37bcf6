"""Find the source of an old job's devices, so that a form can offer the same source again."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.errors import UnknownSchedule
from orchestrator.domain.job import Job
from orchestrator.domain.selection import Selection, selection_of


async def find_source(app: App, job: Job) -> Selection | None:
    """The saved list, the group, the conditions or the devices of a job; None where they came as a file.

    A job of a schedule has what its schedule names now.
    """
    async with app.store.reading() as tx:
        if job.schedule is not None:
            try:
                order = (await tx.schedules.by_name(job.schedule)).order
            except UnknownSchedule:
                return None
            return order.source or Selection(list_name=order.list_name)
        label = job.intake.file_name
        # A selection has no columns of its own (intake/selection.py), and a long label was cut.
        if job.input_columns or not label or len(label) >= _CUT:
            return None
        return selection_of(label) if await tx.lists.find_newest(label) is None else Selection(list_name=label)


_CUT = 200
