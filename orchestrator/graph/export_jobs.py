"""Export jobs of Intune's reports: begun, polled until they are done, and downloaded from another host than Graph's.

https://learn.microsoft.com/mem/intune/fundamentals/reports-export-graph-apis
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import BinaryIO
from urllib.parse import SplitResult, quote, urlsplit

import httpx

from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import ExportHangs, ReadFailed
from orchestrator.domain.lane import WriteLimit
from orchestrator.graph.reads import GraphReader, Pace, Question, json_question
from orchestrator.graph.transport import Http, error_of_failed_look
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

EXPORT_LIMIT = WriteLimit(40, timedelta(minutes=1))
"""Requests, polls among them: Microsoft allows an app 48 a minute."""


class ExportJobs:
    """Fetches reports in the name of one tenant."""

    def __init__(self, reader: GraphReader, http: Http, clock: Clock, *, pace: Pace) -> None:
        self._reader, self._http, self._clock = reader, http, clock
        self._pace = pace

    async def fetch(self, report: str, columns: Sequence[str], into: BinaryIO, *, most: int) -> None:
        """Write the report's zip file, of at most `most` bytes, into a file.

        ReadRefused where Graph does not know the report or may not show it, ReadFailed where no job
        completes (ExportHangs: in time).
        """
        await self._download(await self._completed(report, columns), into, most)

    async def _completed(self, report: str, columns: Sequence[str]) -> str:
        """The address of the finished report, which is a secret.

        A job that is still `inProgress` after two minutes may hang for ever, so another one is begun beside it, three
        in all; the first that completes counts.
        https://github.com/microsoftgraph/msgraph-sdk-python/issues/1218
        """
        running: list[str] = []
        begun, next_begins_at = 0, self._clock.monotonic()
        gives_up_at = next_begins_at + _LONGEST_EXPORT
        pause = _FIRST_POLL
        while self._clock.monotonic() < gives_up_at:
            if begun < _MOST_JOBS and (not running or self._clock.monotonic() >= next_begins_at):
                running.append(await self._begin(report, columns))
                begun, next_begins_at, pause = begun + 1, self._clock.monotonic() + _HANGS_AFTER, _FIRST_POLL
            if not running:
                break
            await self._clock.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_POLL)
            for job in tuple(running):
                status, url = await self._poll(job)
                if status == "completed" and url:
                    return url
                if status in {"failed", "unknown", "completed"}:
                    log.warning("export.failed", report=report, status=status, jobs=begun)
                    running.remove(job)
        failed = ExportHangs if running else ReadFailed
        raise failed(f"The export job of the report {report} did not complete; {begun} were begun.")

    async def _begin(self, report: str, columns: Sequence[str]) -> str:
        payload = {"reportName": report, "format": "csv", "select": list(columns)}
        job = await self._reader.fetch(json_question(_PATH, payload), pace=self._pace)
        if not isinstance(job, dict) or not isinstance(job.get("id"), str) or not job["id"]:
            raise ReadFailed(f"Graph took the export job of the report {report} and named no id for it.")
        return str(job["id"])

    async def _poll(self, job: str) -> tuple[str, str | None]:
        answer = await self._reader.fetch(Question(f"{_PATH}('{quote(job, safe='_-')}')"), pace=self._pace)
        facts = answer if isinstance(answer, dict) else {}
        url = facts.get("url")
        return str(facts.get("status") or "unknown"), url if isinstance(url, str) and url else None

    async def _download(self, url: str, into: BinaryIO, most: int) -> None:
        """Write what lies at the address into a file. No token goes there, and no redirect is followed.

        Whoever has the address can read the report, so no message and no exception may quote it.
        """
        address = checked_address(url, root=self._reader.root)
        host = address.hostname or ""
        try:
            async with asyncio.timeout(_LONGEST_DOWNLOAD):
                response = await self._http.send("GET", url, {"Accept-Encoding": "identity"})
                try:
                    await _write(response, into, most, host)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise ReadFailed(f"The report could not be downloaded from {host} in time.") from None
        except httpx.HTTPError as failure:
            code = error_of_failed_look(failure).code
            raise ReadFailed(f"The report could not be downloaded from {host}: {code}.") from None
        except (httpx.InvalidURL, ValueError):
            raise ReadFailed("Graph named an address for the report that cannot be called.") from None


async def _write(response: httpx.Response, into: BinaryIO, most: int, host: str) -> None:
    if response.status_code != 200:
        raise ReadFailed(f"The report could not be downloaded: {host} answered HTTP {response.status_code}.")
    count = 0
    async for piece in response.aiter_raw():
        count += len(piece)
        if count > most:
            raise ReadFailed(f"The report is larger than the {most // 1024**2:,} MB that are downloaded at most.")
        await asyncio.to_thread(into.write, piece)


def checked_address(url: str, *, root: str) -> SplitResult:
    """The parts of a download's address; ReadFailed, which does not quote it, where it must not be called.

    Only https, except on this machine where Graph's root lies on this machine too (a simulator).
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ReadFailed("Graph named an address for the report that cannot be called.") from None
    is_here = _is_loopback(host)
    if not host or parts.username is not None or is_here != (is_here and _is_loopback(urlsplit(root).hostname or "")):
        raise ReadFailed("Graph named an address for the report that must not be called.")
    if parts.scheme != "https" and not (is_here and parts.scheme == "http"):
        raise ReadFailed("Graph named an address for the report that is not encrypted: it is not called.")
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


_PATH = "/beta/deviceManagement/reports/exportJobs"
_FIRST_POLL = 1.0
_LONGEST_POLL = 15.0
_HANGS_AFTER = 120.0
_MOST_JOBS = 3
_LONGEST_EXPORT = 600.0
_LONGEST_DOWNLOAD = 600.0
