"""What each signal asks of a command under way."""

from __future__ import annotations

import signal

import pytest

from orchestrator.cli.bridge import Interrupt, run
from tests.support.waiting import PATIENCE


async def _end_gently(interrupt: Interrupt, number: int) -> bool:
    """A command that ends by itself once it is asked to; whether it was asked."""
    with interrupt.gently() as stop:
        signal.raise_signal(number)
        return await stop.wait(PATIENCE)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_command_ends_by_itself_after_ctrl_c_a_request_to_end_and_a_closed_terminal(name: str) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)

    assert run(lambda interrupt: _end_gently(interrupt, number))
    assert signal.getsignal(number) is before


def test_a_command_under_nohup_outlives_its_terminal() -> None:
    async def work(interrupt: Interrupt) -> bool:
        signal.raise_signal(signal.SIGHUP)
        return interrupt.is_raised

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert not run(work)
    finally:
        signal.signal(signal.SIGHUP, before)
