"""One submission for several tenants becomes one for each."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.submission import STDIN, Submission
from orchestrator.cli.tenant_choice import chosen_tenants
from orchestrator.domain.errors import IntakeFailed
from orchestrator.intake.tenant_column import OTHER_TENANT, TENANT_COLUMN

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.settings import Settings


@asynccontextmanager
async def split_by_tenant(app: App, settings: Settings, submission: Submission) -> AsyncIterator[list[Submission]]:
    """The submissions of one job each: for every tenant that was named, or that the list names.

    Standard input is kept in a temporary file within the block where it is read more than once.
    """
    is_named = submission.tenant is not None or submission.all_tenants
    names = chosen_tenants(settings, submission.tenant, is_all=submission.all_tenants) if is_named else ()
    if len(names) == 1 or len(settings.tenants) < 2:
        with _hinting_at_column(is_named=is_named):
            yield [_of(submission, names or chosen_tenants(settings, None, is_all=False))]
        return
    with _readable_again(submission) as kept:
        listed = await _listed_tenants(app, settings, kept)
        if listed is None:
            tenants = names or chosen_tenants(settings, None, is_all=False)
        else:
            # A list without a known tenant is refused line by line, as one job.
            tenants = tuple(name for name in listed if name in (names or listed)) or _anybody(settings, names)
        if len(tenants) > 1 and kept.report is not None:
            raise click.UsageError(f"--report names one file, and {len(tenants)} jobs write one each: leave it out.")
        with _hinting_at_column(is_named=is_named):
            yield [_of(kept, tenants, place) for place in range(len(tenants))]


@contextmanager
def _hinting_at_column(*, is_named: bool) -> Iterator[None]:
    """Adds to the refusal of a list with rows of other tenants that its column `tenant` needs no --tenant."""
    try:
        yield
    except IntakeFailed as refused:
        if not is_named or not any(problem.reason.startswith(OTHER_TENANT) for problem in refused.problems):
            raise
        hint = f"Without --tenant the column `{TENANT_COLUMN}` sends each row to its tenant."
        raise IntakeFailed(f"{refused} {hint}", refused.problems, columns=refused.columns) from refused


def _of(submission: Submission, tenants: tuple[str, ...], place: int = 0) -> Submission:
    key = submission.idempotency_key
    if key is not None and len(tenants) > 1:
        # A key stands for one job: submitted again, each tenant's job is found by its own.
        key = f"{key}:{tenants[place]}"
    return replace(
        submission,
        tenant=tenants[place],
        all_tenants=False,
        idempotency_key=key,
        beside=tenants,
        has_bad_rows=place == 0,
    )


def _anybody(settings: Settings, names: tuple[str, ...]) -> tuple[str, ...]:
    usual = settings.usual_tenant
    return names[:1] or ((usual,) if usual in settings.tenants else tuple(settings.tenants)[:1])


async def _listed_tenants(app: App, settings: Settings, submission: Submission) -> list[str] | None:
    """The tenants that the tenant column of a list names; None where there is no list, or no such column."""
    if submission.list_name is not None:
        from orchestrator.inventory.saved_list_tenants import tenants_of_saved_list

        return await tenants_of_saved_list(app, submission.list_name)
    if submission.file is None:
        return None
    from orchestrator.intake.device_list import tenants_of_list
    from orchestrator.settings.tenant_rows import tenant_rows

    rows, options = tenant_rows(settings, ""), submission.intake(settings)
    async with submission.stream(app, settings) as stream:
        return await asyncio.to_thread(tenants_of_list, stream, via=submission.job.via, options=options, tenants=rows)


@contextmanager
def _readable_again(submission: Submission) -> Iterator[Submission]:
    """The submission with a file that can be read more than once."""
    if submission.file != STDIN:
        yield submission
        return
    with tempfile.TemporaryDirectory(prefix="muster-") as folder:
        file = Path(folder) / "standard-input.csv"
        with file.open("wb") as opened:
            shutil.copyfileobj(sys.stdin.buffer, opened)
        yield replace(submission, file=str(file))
