"""One Lua script for many keys: whoever asks while a round trip is under way goes with the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha1
from typing import Any, NamedTuple

import redis.asyncio as redis
from redis.exceptions import NoScriptError, RedisError

from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import QueueUnavailable


class Answer(NamedTuple):
    """The numbers that the script answered with, and the time, on our monotonic clock, when it was asked."""

    numbers: list[float]
    asked_at: float


class _Asked(NamedTuple):
    key: str
    given: Sequence[Any]
    answer: asyncio.Future[Answer]


class ScriptQueue:
    """Runs a script on behalf of many; no question waits for a connection, and is older than its round trip."""

    def __init__(self, client: redis.Redis, script: str, clock: Clock) -> None:
        self._client, self._script, self._clock = client, script, clock
        # How Redis names a script: https://redis.io/docs/latest/commands/evalsha/
        self._name = sha1(script.encode(), usedforsecurity=False).hexdigest()
        self._waiting: list[_Asked] = []
        self._serving: asyncio.Task[None] | None = None

    async def run(self, key: str, given: Sequence[Any]) -> Answer:
        """The script's answer for one key; QueueUnavailable where Redis cannot be reached."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(key, given, answer))
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        return await answer

    async def _serve(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
            await self._ask([each for each in asked if not each.answer.cancelled()])

    async def _ask(self, asked: Sequence[_Asked]) -> None:
        found: list[list[float] | Exception]
        asked_at = self._clock.monotonic()
        try:
            found = await self._found(asked)
            if any(isinstance(each, NoScriptError) for each in found):
                # Redis was started anew. All are asked again: what one of them may have been granted is lost, as it is
                # after any answer that never came.
                await self._client.script_load(self._script)
                asked_at = self._clock.monotonic()
                found = await self._found(asked)
        except Exception as problem:  # noqa: BLE001 - whoever asked is told, and whoever asks next is served
            # A caller that waits for this round trip would wait as long for the next: seconds each where Redis hangs.
            asked, self._waiting = [*asked, *self._waiting], []
            found = [problem] * len(asked)
        for each, answer in zip(asked, found, strict=True):
            if each.answer.done():
                continue
            match answer:
                case RedisError():
                    said = f"Redis cannot be reached for the throttle ({answer}). See MUSTER_BROKER_URL."
                    each.answer.set_exception(QueueUnavailable(said))
                case Exception():
                    each.answer.set_exception(answer)
                case _:
                    each.answer.set_result(Answer(answer, asked_at))

    async def _found(self, asked: Sequence[_Asked]) -> list[list[float] | Exception]:
        pipeline = self._client.pipeline(transaction=False)
        for each in asked:
            pipeline.evalsha(self._name, 1, each.key, *each.given)
        found = await pipeline.execute(raise_on_error=False)
        return [each if isinstance(each, Exception) else [float(number) for number in each] for each in found]


_MOST_AT_ONCE = 100
"""Scripts in one round trip: Redis runs nothing else meanwhile, some milliseconds."""
