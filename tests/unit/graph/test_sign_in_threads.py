from __future__ import annotations

import asyncio
import threading

import pytest

from orchestrator.graph.sign_in_threads import SignInThreads


async def test_what_blocks_runs_in_threads_of_its_own_and_in_no_more_than_there_may_be() -> None:
    threads, seen, let_go = SignInThreads(most=2), set[str](), threading.Event()
    loop, both = asyncio.get_running_loop(), asyncio.Event()

    def block(number: int) -> int:
        seen.add(threading.current_thread().name)
        if len(seen) == 2:
            loop.call_soon_threadsafe(both.set)
        let_go.wait(60)
        return number

    running = [asyncio.create_task(threads.run(block, number)) for number in range(6)]
    async with asyncio.timeout(60):
        await both.wait()
    let_go.set()

    assert await asyncio.gather(*running) == list(range(6))
    assert seen == {"sign-in-1", "sign-in-2"}


async def test_what_is_raised_comes_back() -> None:
    def fail(_: None) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await SignInThreads().run(fail, None)
