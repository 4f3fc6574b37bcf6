"""A Celery pool without threads: a task is a batch that the process loop holds, and a process holds up to thousands.

Celery's part of a running task is its request object; the driver does the work on the one event loop. A thread for each
held batch would wait, and do nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from os import getpid
from time import monotonic
from typing import Any

from celery.concurrency.base import BasePool, apply_target

from orchestrator.queueing.messages import RUN_BATCH
from workers.prefetch import PREFETCH
from workers.process import PROCESS

POOL = "workers.pool:BatchPool"
"""For Celery's setting `worker_pool`."""

_PUMP = 0.1
"""Seconds between two looks of Celery's loop at what the process loop reported."""


class BatchPool(BasePool):
    """Hands batches to the process loop, and Celery's callbacks back to Celery's loop, on whose thread they belong."""

    body_can_be_buffer = True
    signal_safe = False
    task_join_will_block = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reports: deque[Callable[[], object]] = deque()
        self._has_loop = False

    def register_with_event_loop(self, loop: Any) -> None:
        """Celery's loop looks at the reports from now on; called again after each reconnection to the broker."""
        self._has_loop = True
        loop.call_repeatedly(_PUMP, self._pump)

    def on_apply(
        self,
        target: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        **_: Any,
    ) -> None:
        """Start a task: a batch goes to the process loop; any other message is short, and runs here and now."""
        name, task_id, request, *_rest = args
        if name != RUN_BATCH or callback is None or accept_callback is None:
            apply_target(target, args, kwargs, callback, accept_callback)
            return
        job, batch = request["args"]
        PREFETCH.mark_taken(task_id)
        began = monotonic()

        def started() -> None:
            PREFETCH.mark_decided(task_id)
            self._report(partial(accept_callback, getpid(), monotonic()))

        def ended(ending: str) -> None:
            PREFETCH.mark_decided(task_id)
            # A task that went well, in the form of Celery's own tracer: not failed, its result, its seconds.
            self._report(partial(callback, (0, ending, monotonic() - began)))

        PROCESS.begin_batch((job, batch), request, started, ended)

    def _get_info(self) -> dict[str, Any]:
        return {**super()._get_info(), "batches-held": PROCESS.held}  # type: ignore[misc] # unknown to celery-types

    def _report(self, report: Callable[[], object]) -> None:
        self._reports.append(report)
        if not self._has_loop:
            self._pump()

    def _pump(self) -> None:
        while self._reports:
            self._reports.popleft()()
