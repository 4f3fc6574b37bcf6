"""Coalesces the claims of all lanes: questions that come during one transaction share the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

from orchestrator.domain.claim import Claim
from orchestrator.domain.ids import JobNumber


class ClaimCoalescer:
    """Turns many questions for one job each into few for many, `most` at once."""

    def __init__(self, claim: Callable[[Collection[JobNumber]], Awaitable[dict[JobNumber, Claim]]], most: int) -> None:
        self._claim, self._most = claim, most
        self._wanted: dict[JobNumber, asyncio.Future[Claim | None]] = {}
        self._serving: asyncio.Task[None] | None = None

    async def claim(self, job: JobNumber) -> Claim | None:
        """A claim on something of the job, None where there is none; raises what the claim of all raised."""
        return await asyncio.shield(self.request(job))

    def request(self, job: JobNumber) -> asyncio.Future[Claim | None]:
        """Asks for a claim without waiting; returns the future of the answer."""
        if job not in self._wanted:
            self._wanted[job] = asyncio.get_running_loop().create_future()
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        return self._wanted[job]

    async def close(self, patience: float) -> None:
        """Drops all questions; waits for a claim under way, so that its batches can be released."""
        self._wanted.clear()
        if self._serving is not None:
            await asyncio.wait([self._serving], timeout=patience)
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)

    async def _serve(self) -> None:
        while self._wanted:
            asked = {job: self._wanted.pop(job) for job in list(self._wanted)[: self._most]}
            try:
                claims = await self._claim(list(asked))
            except BaseException as problem:
                for answer in asked.values():
                    if not answer.cancelled():
                        answer.set_exception(problem)
                        # The lane that asked may be gone; then this marks the exception as seen.
                        answer.exception()
                if not isinstance(problem, Exception):
                    raise
            else:
                for job, answer in asked.items():
                    if not answer.cancelled():
                        answer.set_result(claims.get(job))
