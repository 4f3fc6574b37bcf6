"""What `muster worker` and `muster clock` run."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from orchestrator.bootstrap import open_app
from orchestrator.engine.garbage_collection import tune_garbage_collection
from orchestrator.engine.stop import StopSignal
from orchestrator.settings import Settings, settings_of_this_process
from orchestrator.usecases.operations.keep_time import keep_time
from workers.watchdog import watched


def run_worker(arguments: Sequence[str] = ()) -> int:
    """A Celery worker with our settings; further arguments are Celery's own. Returns its exit code."""
    from workers.celery_app import celery  # noqa: PLC0415 - the clock has no use for it

    tune_garbage_collection()
    # Node names must be unique, and several workers may run on one machine.
    name = f"muster-{secrets.token_hex(4)}@%h"
    quiet = ["--without-gossip", "--without-mingle"]
    if not settings_of_this_process().task_events:
        quiet.append("--without-heartbeat")
    try:
        celery.worker_main(["worker", "-n", name, *quiet, *arguments])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


async def run_clock(settings: Settings, stop: StopSignal) -> None:
    """Fire what is due and recover what stalled, until told to stop; any number may run."""
    async with open_app(settings, kind="clock") as app, watched(app.clock):
        await keep_time(app, stop)
