"""What a worker process tells Celery of its messages."""

from __future__ import annotations

from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, cast

from orchestrator.domain.ids import JobId
from orchestrator.engine.batch_messages import Ending
from orchestrator.engine.driver import Driver
from workers.process import ProcessLoop, WorkerProcess


class BrokenLoop:
    """A process loop on which all work ends with an error."""

    def begin(self, work: Coroutine[Any, Any, str]) -> Future[str]:
        work.close()
        broken: Future[str] = Future()
        broken.set_exception(ZeroDivisionError())
        return broken


def test_a_message_that_breaks_ends_and_leaves_room_for_the_next() -> None:
    process, endings = WorkerProcess(), list[str]()
    process._loop, process._driver = cast("ProcessLoop", BrokenLoop()), cast("Driver", object())

    process.begin_batch((JobId("job1"), 0), {}, lambda: None, endings.append)

    assert endings == [Ending.NOT_HELD]
