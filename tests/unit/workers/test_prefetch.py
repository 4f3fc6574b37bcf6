"""Which queues a worker reads."""

from __future__ import annotations

import pytest

from orchestrator.queueing.messages import QUEUE
from workers import prefetch
from workers.prefetch import OpenQueues, Prefetch


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Prefetch:
    own = Prefetch()
    own.begin("muster-1@here")
    monkeypatch.setattr(prefetch, "PREFETCH", own)
    return own


def test_one_message_is_taken_at_a_time_until_its_batch_is_held_or_it_is_over(own: Prefetch) -> None:
    queues = OpenQueues([QUEUE, own.own_queue])
    assert queues.consume(2) == [own.own_queue, QUEUE]

    own.mark_taken("a message")
    assert queues.consume(2) == []

    own.mark_decided("a message")
    assert queues.consume(2) == [own.own_queue, QUEUE]


def test_what_the_driver_chose_is_read_even_while_a_message_waits_for_its_turn(own: Prefetch) -> None:
    queues = OpenQueues([QUEUE, own.own_queue])
    own.mark_taken("a message")

    own.expect_own()

    assert queues.consume(2) == [own.own_queue]


def test_queues_of_replies_and_events_are_always_read() -> None:
    assert OpenQueues(["0b54.reply.celery.pidbox"]).consume(1) == ["0b54.reply.celery.pidbox"]
