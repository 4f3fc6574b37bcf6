"""Act on the verdict on a job's first answers: stop the job, or let the devices fail that were kept back."""

from __future__ import annotations

from orchestrator.domain.circuit_breaker import is_true_error
from orchestrator.domain.first_answers import FirstVerdict
from orchestrator.domain.outcome import Bar
from orchestrator.domain.retry import Halt, Settle
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.ports import Ports


def end_first_answers(held: LeasedBatch, ports: Ports) -> None:
    """Stop the job if its first devices were all refused alike; otherwise fail those that were kept back.

    Changes nothing while other first calls are out, and nothing of a batch that another worker has taken over.
    """
    if held.first_answers is None:
        return
    verdict, kept_back = held.first_answers.judge(is_complete=held.is_done)
    if not kept_back or held.is_lost:
        return
    job, error = held.claim.key.job, kept_back[0].step.error
    if verdict is FirstVerdict.JOB and error is not None:
        held.job.is_halted = True
        ports.recorder.add_halt(job, Halt(Bar.REFUSED_ALIKE, error))
        return
    for each in kept_back:
        count_settled(held, each.step)
        ports.recorder.replace_changes(held, [held.settle_waiting(each.target, each.step, sent_at=each.sent_at)])
    ports.recorder.mark_answered(held.job)


def count_settled(held: LeasedBatch, step: Settle) -> None:
    """Counts a device that has ended among the latest ones of its job."""
    held.job.run_ahead.add(is_error=step.error is not None and is_true_error(step.error))
