"""Messages about batches, matched with what the process holds."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.domain.batch import NamedBatch
from orchestrator.domain.fair_queue import QueuePlace
from orchestrator.domain.ids import BatchKey, JobId, JobNumber, LaneKey
from orchestrator.domain.job import Priority
from orchestrator.engine import batch_messages
from orchestrator.engine.batch_messages import BatchMessages, Ending
from orchestrator.store.work.fair_queue import DueJob


def due_job(letter: str, number: int, lane: str) -> DueJob:
    place = QueuePlace(JobNumber(number), 0.0, 4)
    return DueJob(JobId(f"{letter * 11}2"), LaneKey(lane), "default", Priority.NORMAL, place)


ONE, OTHER, ELSEWHERE = due_job("a", 1, "lane"), due_job("b", 2, "lane"), due_job("c", 3, "another")


class World:
    """A process with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.look_count = 0
        self.started: list[NamedBatch] = []
        self.messages = BatchMessages(lambda: self.now, self._look)

    def _look(self) -> None:
        self.look_count += 1

    async def arrives(self, job: DueJob, batch: int) -> asyncio.Task[Ending]:
        named = (job.id, batch)
        task = asyncio.create_task(self.messages.run(named, lambda: self.started.append(named)))
        await asyncio.sleep(0)
        return task

    def sees_due(self, *jobs: DueJob) -> None:
        self.now += 1
        self.messages.update_due(self.now, jobs, self.messages.undecided)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_message_lasts_as_long_as_its_batch_is_held(world: World) -> None:
    task = await world.arrives(ONE, 7)
    world.sees_due(ONE)
    assert world.look_count == 1
    assert world.messages.wanted([ONE.place.job]) == [BatchKey(ONE.place.job, 7)]

    world.messages.mark_held((ONE.id, 7))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert world.started == [(ONE.id, 7)]
    assert not task.done()
    assert world.messages.wanted([ONE.place.job]) == []

    world.messages.mark_released((ONE.id, 7))
    assert await task is Ending.RELEASED


async def test_a_message_about_a_batch_that_is_held_already_runs_at_once(world: World) -> None:
    world.messages.mark_held((ONE.id, 7))
    task = await world.arrives(ONE, 7)

    assert world.started == [(ONE.id, 7)]
    assert world.look_count == 0
    world.messages.mark_released((ONE.id, 7))
    assert await task is Ending.RELEASED


async def test_a_doubled_message_ends_at_once_and_the_first_goes_on(world: World) -> None:
    world.messages.mark_held((ONE.id, 7))
    first = await world.arrives(ONE, 7)

    assert await (await world.arrives(ONE, 7)) is Ending.DOUBLED
    assert not first.done()
    world.messages.mark_released((ONE.id, 7))
    await first


async def test_a_message_about_a_job_of_which_nothing_is_due_ends_with_the_next_look(world: World) -> None:
    task = await world.arrives(ONE, 7)
    # The database was asked before the message came: it may name what was committed since.
    world.messages.update_due(world.now, [OTHER], [])
    await asyncio.sleep(0)
    assert not task.done()

    world.sees_due(OTHER)
    assert await task is Ending.NOT_HELD
    assert world.started == []


async def test_where_the_fair_queue_chose_another_job_of_the_lane_the_message_ends(world: World) -> None:
    passed_over, elsewhere = await world.arrives(ONE, 7), await world.arrives(ELSEWHERE, 7)
    world.sees_due(ONE, OTHER, ELSEWHERE)

    world.messages.mark_held((OTHER.id, 0))

    assert await passed_over is Ending.NOT_HELD
    assert not elsewhere.done()
    elsewhere.cancel()


async def test_where_another_worker_holds_the_batch_the_message_ends(world: World) -> None:
    task = await world.arrives(ONE, 7)
    world.sees_due(ONE)
    await asyncio.sleep(0)
    assert not task.done()

    world.messages.update_due(world.now + 1, [ONE], waiting=[])

    assert await task is Ending.NOT_HELD
    assert world.started == []


async def test_where_the_driver_chose_another_batch_of_the_job_the_message_ends(world: World) -> None:
    task = await world.arrives(ONE, 7)
    world.sees_due(ONE)

    world.messages.mark_held((ONE.id, 8))

    assert await task is Ending.NOT_HELD
    assert world.started == []


async def test_a_message_whose_turn_does_not_come_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_messages, "PATIENCE", 0.0)
    task = await world.arrives(ONE, 7)
    world.sees_due(ONE)

    assert await task is Ending.NOT_HELD


async def test_a_held_batch_that_no_message_names_is_published_once_until_that_counts_as_lost(world: World) -> None:
    world.messages.mark_held((ONE.id, 0))
    world.messages.mark_held((ONE.id, 1))
    named = await world.arrives(ONE, 1)
    assert world.messages.pop_unnamed() == []

    world.now += 1
    assert world.messages.pop_unnamed() == [(ONE.id, 0)]
    assert world.messages.pop_unnamed() == []
    world.now += 10
    assert world.messages.pop_unnamed() == [(ONE.id, 0)]

    world.messages.mark_released((ONE.id, 0))
    world.now += 10
    assert world.messages.pop_unnamed() == []
    assert world.messages.held == 1
    named.cancel()


async def test_a_thousand_batches_are_named_little_by_little(world: World) -> None:
    for number in range(1000):
        world.messages.mark_held((ONE.id, number))
    world.now += 1
    taken: list[NamedBatch] = []
    while more := world.messages.pop_unnamed():
        assert len(more) <= 50
        taken += more
    assert taken == [(ONE.id, number) for number in range(1000)]
