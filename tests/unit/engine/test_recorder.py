from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from orchestrator.domain.errors import StoreUnavailable
from orchestrator.domain.ids import BatchKey, JobNumber
from orchestrator.domain.job import Tally
from orchestrator.domain.outcome import Bar, GraphError
from orchestrator.domain.retry import Halt, Settle
from orchestrator.domain.target import TargetStatus
from orchestrator.engine.active_job import ActiveJob, ActiveJobs
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.recorder import GATHER, GATHER_INTENTS, Entry, Kept, Recorder
from tests.support.builders import NOW, a_claim, a_held_batch, a_target, nothing_to_settle
from tests.support.clock import ManualClock, settle

JOB = JobNumber(1)
GONE = GraphError("ResourceNotFound", "no such device", 404)


@dataclass
class Book:
    """Keeps what is written, unless it is to raise first."""

    troubles: list[Exception] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    taken_over: set[BatchKey] = field(default_factory=set)
    hangs: bool = False

    async def write(self, entry: Entry) -> Kept:
        if self.hangs:
            await asyncio.Event().wait()
        if self.troubles:
            raise self.troubles.pop(0)
        self.entries.append(entry)
        return {batch.key for batch in entry.batches} - self.taken_over

    @property
    def lines(self) -> list[int]:
        return [change.line for entry in self.entries for change in entry.targets]


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
async def recorder(book: Book, clock: ManualClock) -> AsyncIterator[Recorder]:
    recorder = Recorder(book.write, clock, ActiveJobs(), nothing_to_settle)
    running = asyncio.create_task(recorder.run())
    await settle()
    yield recorder
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def accept(held: LeasedBatch, line: int, recorder: Recorder) -> None:
    recorder.add(held, [held.apply(a_target(line), Settle(TargetStatus.ACCEPTED), sent_at=NOW)])


def accept_all(held: LeasedBatch, recorder: Recorder) -> None:
    for line in held.in_flight:
        accept(held, line, recorder)


async def test_outcomes_that_land_together_are_written_together(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    one, other = a_held_batch(a_claim(2)), a_held_batch(a_claim(1, batch=1))

    for held, line in ((one, 2), (other, 2), (one, 3)):
        accept(held, line, recorder)
    await clock.run_for(seconds=GATHER)

    (entry,) = book.entries
    assert len(entry.batches) == 2
    assert book.lines == [2, 3, 2]
    assert [change.tally for change in entry.batches] == [Tally(accepted=2), Tally(accepted=1)]


async def test_of_two_changes_of_one_target_the_later_is_written_alone(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    held = a_held_batch(a_claim(2))
    accept(held, 2, recorder)
    accept(held, 3, recorder)
    later = held.apply(a_target(2), Settle(TargetStatus.ACCEPTED, request_id="later"), sent_at=NOW)

    recorder.replace_changes(held, [later])
    await clock.run_for(seconds=GATHER)

    (entry,) = book.entries
    assert sorted((change.line, change.request_id) for change in entry.targets) == [(2, "later"), (3, None)]


async def test_nothing_is_written_twice_and_nothing_when_nothing_happened(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    accept(a_held_batch(), 2, recorder)
    await clock.run_for(seconds=60)

    assert len(book.entries) == 1


async def test_what_cannot_be_written_now_is_offered_again_with_what_landed_meanwhile(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    held = a_held_batch(a_claim(3))
    book.troubles = [StoreUnavailable("away")] * 12

    accept(held, 2, recorder)
    await clock.run_for(seconds=2)
    accept(held, 3, recorder)
    await clock.run_for(seconds=60)

    (entry,) = book.entries
    assert book.lines == [2, 3]
    assert entry.batches[0].tally == Tally(sending=1, accepted=2)
    assert entry.batches[0].in_flight == (4,)


async def test_an_outage_of_seconds_is_noticed_to_be_over_well_within_a_lease(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    book.troubles = [StoreUnavailable("away")] * 100
    accept(a_held_batch(), 2, recorder)
    await clock.run_for(seconds=60)

    book.troubles = []
    await clock.run_for(seconds=2.0)

    assert book.lines == [2]


async def test_an_error_that_nobody_foresaw_ends_no_recorder(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    book.troubles = [ValueError("a bug"), ValueError("a bug")]

    accept(a_held_batch(), 2, recorder)
    await clock.run_for(seconds=10)

    assert book.lines == [2]


async def test_what_can_never_be_written_is_given_up_so_that_the_rest_can(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    poisoned, sound = a_held_batch(a_claim(2)), a_held_batch(a_claim(1, batch=1))
    book.troubles = [ValueError("a bug")] * 5

    accept(poisoned, 2, recorder)
    await clock.run_for(seconds=30)
    accept(poisoned, 3, recorder)
    accept(sound, 2, recorder)
    await clock.run_for(seconds=30)

    # Its lease runs out, and what it may have called is recovered: better told as doubtful than not at all.
    assert poisoned.is_lost
    assert [change.key.batch for entry in book.entries for change in entry.batches] == [1]
    assert book.lines == [2]


async def test_a_careful_write_is_careful_again_after_an_outage(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    held, outages, write = a_held_batch(), [StoreUnavailable("away")] * 6, book.write

    async def refuse(entry: Entry) -> Kept:
        if not entry.careful:
            raise ValueError("a row that no table takes")
        if outages:
            raise outages.pop()
        return await write(entry)

    recorder._write = refuse
    accept(held, 2, recorder)
    await clock.run_for(seconds=60)

    assert not held.is_lost
    assert book.lines == [2]


async def test_one_batch_that_cannot_be_written_takes_no_other_with_it(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    batches = [a_held_batch(a_claim(2, batch=each, job=each // 2 + 1)) for each in range(6)]
    poisoned = batches[2]
    write = book.write

    async def refuse(entry: Entry) -> Kept:
        if poisoned.claim.key in {batch.key for batch in entry.batches}:
            raise ValueError("a row that no table takes")
        return await write(entry)

    recorder._write = refuse
    for held in batches:
        accept(held, 2, recorder)
    intents = [asyncio.create_task(recorder.intend(held, 1)) for held in batches]
    await clock.run_for(seconds=30)
    later = asyncio.create_task(recorder.intend(batches[0], 1))
    await clock.run_for(seconds=1)

    assert [held.is_lost for held in batches] == [held is poisoned for held in batches]
    assert sorted(key.batch for key in {change.key for entry in book.entries for change in entry.targets}) == [
        0,
        1,
        3,
        4,
        5,
    ]
    assert len(book.lines) == 5
    assert all(intent.done() for intent in intents)
    assert await later


async def test_a_halt_and_a_first_answer_travel_with_the_outcomes_that_brought_them(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    halt = Halt(Bar.TOKEN_REFUSED, GraphError("InvalidAuthenticationToken", "no", 401))
    book.troubles = [StoreUnavailable("away")]

    recorder.mark_answered(ActiveJob(JOB))
    recorder.add_halt(JOB, halt)
    recorder.add_halt(JOB, Halt(Bar.UNREACHABLE, halt.error))
    accept(a_held_batch(), 2, recorder)
    await clock.run_for(seconds=5)

    (entry,) = book.entries
    assert entry.answered == {JOB}
    assert entry.halts == {JOB: halt}  # the first reason is the reason


async def test_a_halt_that_comes_of_a_batch_that_was_taken_over_is_written_at_once_and_not_with_the_next_job(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    halt = Halt(Bar.TOKEN_REFUSED, GraphError("InvalidAuthenticationToken", "no", 401))
    held = a_held_batch()
    held.lose()

    recorder.add_halt(JOB, halt)
    accept(held, 2, recorder)
    await clock.run_for(seconds=1)

    assert [entry.halts for entry in book.entries] == [{JOB: halt}]


async def test_closing_writes_what_is_left_and_ends(book: Book, clock: ManualClock) -> None:
    recorder = Recorder(book.write, clock, ActiveJobs(), nothing_to_settle)
    running = asyncio.create_task(recorder.run())
    accept(a_held_batch(), 2, recorder)

    recorder.close()
    await clock.run_for(seconds=1)

    assert running.done()
    assert book.lines == [2]


async def test_nothing_is_written_while_somebody_changes_held_batches_otherwise(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    async with recorder.quiet():
        accept(a_held_batch(), 2, recorder)
        await clock.run_for(seconds=10)
        meanwhile = list(book.entries)
    await clock.run_for(seconds=1)

    assert meanwhile == []
    assert book.lines == [2]


async def test_whoever_changes_held_batches_otherwise_waits_for_one_write_and_not_for_silence(
    clock: ManualClock,
) -> None:
    written: list[Entry] = []
    held = a_held_batch(a_claim(500))

    async def write(entry: Entry) -> Kept:
        written.append(entry)
        # Another answer lands during every write.
        accept(held, 1 + len(written), busy)
        await clock.sleep(0.01)
        return {batch.key for batch in entry.batches}

    busy = Recorder(write, clock, ActiveJobs(), nothing_to_settle)
    accept(held, 400, busy)
    running = asyncio.create_task(busy.run())
    await clock.run_for(seconds=1)
    before = len(written)
    await asyncio.wait_for(asyncio.gather(busy.quiet().acquire(), clock.run_for(seconds=0.02)), 5)
    after = len(written)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert before > 50
    assert after <= before + 2


async def test_what_somebody_was_cancelled_in_writing_down_is_written_by_the_next(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    held = a_held_batch(a_claim(2))
    book.hangs = True

    async def claim_more() -> None:
        async with recorder.quiet():
            await recorder.flush_in_quiet({held.claim.key})

    asking = asyncio.create_task(claim_more())
    async with recorder.quiet():
        accept(held, 2, recorder)
    await settle()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    book.hangs = False
    await clock.run_for(seconds=10)

    assert book.lines == [2]
    assert book.entries[-1].batches[0].tally.accepted == 1


async def test_in_quiet_only_what_landed_in_the_batches_asked_about_is_waited_for(
    recorder: Recorder, book: Book
) -> None:
    one, other = a_held_batch(a_claim(2)), a_held_batch(a_claim(2, batch=1))
    async with recorder.quiet():
        accept(other, 2, recorder)
        await recorder.flush_in_quiet({one.claim.key})
        untouched = list(book.entries)
        accept(one, 2, recorder)
        await recorder.flush_in_quiet({one.claim.key})

    assert untouched == []
    assert {change.key for change in book.entries[0].targets} == {one.claim.key, other.claim.key}


async def test_intents_of_several_lanes_are_written_together_and_sooner_than_outcomes(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    one, other = a_held_batch(a_claim(2)), a_held_batch(a_claim(3, job=2))

    asked = [
        asyncio.create_task(recorder.intend(one, 2)),
        asyncio.create_task(recorder.intend(other, 3)),
    ]
    await settle()
    await clock.run_for(seconds=GATHER_INTENTS)

    (entry,) = book.entries
    assert [task.result() for task in asked] == [True, True]
    assert [change.in_flight for change in entry.batches] == [(2, 3), (2, 3, 4)]
    assert entry.served == {JOB: 2, JobNumber(2): 3}


@pytest.mark.parametrize("why", ["away", "a bug", "taken over"])
async def test_an_intent_that_is_not_ours_or_not_written_lets_no_call_leave(
    recorder: Recorder, book: Book, clock: ManualClock, why: str
) -> None:
    held = a_held_batch(a_claim(1))
    match why:
        case "away":
            book.troubles = [StoreUnavailable(why)]
        case "a bug":
            book.troubles = [ValueError(why)]
        case _:
            book.taken_over = {held.claim.key}

    asked = asyncio.create_task(recorder.intend(held, 1))
    await settle()
    await clock.run_for(seconds=GATHER_INTENTS)

    assert asked.result() is False


async def test_that_a_job_was_answered_is_written_once_until_it_must_prove_itself_again(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    held = a_held_batch(a_claim(3))

    for line in (2, 3):
        recorder.mark_answered(held.job)
        accept(held, line, recorder)
        await clock.run_for(seconds=1)
    held.job.is_answered = False
    recorder.mark_answered(held.job)
    accept(held, 4, recorder)
    await clock.run_for(seconds=1)

    assert [entry.answered for entry in book.entries] == [{JOB}, set(), {JOB}]


async def test_a_nudge_is_written_once_though_nothing_landed(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    recorder.nudge()
    await clock.run_for(seconds=1)

    assert book.entries == [Entry((), ())]


async def test_outcomes_of_a_lost_term_are_not_written_into_the_next(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    book.troubles = [StoreUnavailable("away")]
    before = a_held_batch(a_claim(3))
    accept(before, 2, recorder)
    await clock.run_for(seconds=GATHER)

    # The lease ran out while the database was away, and this process claimed the same batch again.
    before.lose()
    recorder.add(now := a_held_batch(a_claim(3, fencing_token=2)))
    accept(now, 3, recorder)
    await clock.run_for(seconds=5)

    (entry,) = book.entries
    assert [change.fencing_token for change in entry.batches] == [2]
    assert book.lines == [3]


async def test_intents_do_not_wait_for_all_that_was_accepted_of_other_jobs(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    for number in range(6):
        accept_all(a_held_batch(a_claim(500, batch=number)), recorder)
    fares_badly = [a_held_batch(a_claim(500, job=2, batch=number)) for number in range(2)]
    for held in fares_badly:
        accept_all(held, recorder)
    step = Settle(TargetStatus.FAILED, GONE)
    recorder.add(failed := a_held_batch(a_claim(1, job=2, batch=2)), [failed.apply(a_target(2), step, sent_at=NOW)])
    recorder.add(stands_otherwise := a_held_batch(a_claim(1, batch=6)))
    accept(called := a_held_batch(a_claim(3, batch=7)), 2, recorder)

    asked = asyncio.create_task(recorder.intend(called, 2))
    await settle()
    await clock.run_for(seconds=GATHER_INTENTS)

    first, second = ([change.key for change in entry.batches] for entry in book.entries)
    assert asked.result() is True
    # Of a job that fares badly all or nothing is written: its brake looks after each write.
    assert {held.claim.key for held in (*fares_badly, failed, stands_otherwise, called)} < set(first)
    assert [key.batch for key in first if key.job == JOB] == [0, 1, 2, 3, 6, 7]
    assert second == [BatchKey(JOB, 4), BatchKey(JOB, 5)]
    assert len({(change.key, change.line) for entry in book.entries for change in entry.targets}) == 4_002
    assert len(book.lines) == 4_002


async def test_what_a_write_in_quiet_left_for_later_is_written_without_anything_new(
    recorder: Recorder, book: Book, clock: ManualClock
) -> None:
    batches = [a_held_batch(a_claim(500, batch=number)) for number in range(6)]
    async with recorder.quiet():
        for held in batches:
            accept_all(held, recorder)
        await recorder.flush_in_quiet({batches[0].claim.key})
        assert len(book.lines) == 2_000
    await clock.run_for(seconds=1)

    assert len(book.lines) == 3_000
