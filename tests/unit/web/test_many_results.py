"""The results of a form for many jobs on their way through a cookie."""

from __future__ import annotations

import random
import string
from base64 import urlsafe_b64encode

import pytest

from orchestrator.web.many_results import Result, packed, unpacked

CHANCE = random.Random(7)


def an_id() -> str:
    return "".join(CHANCE.choices(string.ascii_lowercase + string.digits, k=12))


def some_words(length: int) -> str:
    return "".join(CHANCE.choices(string.ascii_letters + " ", k=length))


def test_what_was_kept_is_what_is_shown() -> None:
    results = [
        Result("a1", "b2", "Retried.", is_done=True),
        Result("c3", "c3", "“Größe” is finished already.", is_done=False),
    ]

    assert unpacked(packed(results)) == results


@pytest.mark.parametrize("length", [20, 400, 5_000])
def test_the_most_jobs_fit_into_a_cookie_whatever_is_said_of_them(length: int) -> None:
    results = [Result(an_id(), an_id(), some_words(length), is_done=False) for _ in range(100)]

    text = packed(results)

    assert len(text) <= 3_800
    assert [each.leads_to for each in unpacked(text)] == [each.leads_to for each in results]


@pytest.mark.parametrize("text", ["", "x", "=", "ä", "bm90IHppcHBlZA==", urlsafe_b64encode(b"[[1]]").decode()])
def test_what_a_browser_made_up_is_nothing(text: str) -> None:
    assert unpacked(text) == []
