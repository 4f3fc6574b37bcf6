"""The results of one form for many jobs, kept in a cookie until its page is shown: only the browser needs them."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request, Response

from orchestrator.web.session import set_cookie

RESULTS_PATH = "/jobs/many/done"
_COOKIE = "muster-results"
_KEPT = 600
_MOST_KEPT = 3_800
"""A browser keeps 4,096 bytes of a cookie."""
_LONGEST_WORDS = (400, 50, 0)
_MOST_READ = 1 << 17


@dataclass(frozen=True, slots=True)
class Result:
    """The result for one job, and the job that its row links to."""

    job: str
    leads_to: str
    words: str
    is_done: bool


def store_results(answer: Response, request: Request, results: Sequence[Result]) -> None:
    """Let the page that the answer leads to show the results, also when it is loaded again."""
    set_cookie(answer, request, _COOKIE, packed(results), max_age=_KEPT, path=RESULTS_PATH)


def results_kept(request: Request) -> list[Result]:
    """The results that the browser kept, none where they are too old."""
    return unpacked(request.cookies.get(_COOKIE, ""))


def packed(results: Sequence[Result]) -> str:
    """The results as text that a cookie can hold; words are cut where they are too long for it."""
    text = ""
    for longest in _LONGEST_WORDS:
        rows = [[each.job, each.leads_to, each.words[:longest], each.is_done] for each in results]
        text = urlsafe_b64encode(zlib.compress(json.dumps(rows).encode(), 9)).decode()
        if len(text) <= _MOST_KEPT:
            break
    return text


def unpacked(text: str) -> list[Result]:
    """The results in such a text; none where it holds something else."""
    try:
        rows = json.loads(zlib.decompressobj().decompress(urlsafe_b64decode(text), _MOST_READ))
        return [Result(str(job), str(leads_to), str(words), bool(is_done)) for job, leads_to, words, is_done in rows]
    except (ValueError, TypeError, zlib.error):
        return []
