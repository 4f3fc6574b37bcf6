from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from orchestrator.simulator.throttling import Quota, parse_limit


async def test_the_documented_quota_refuses_call_201_in_20_seconds(make_graph: Any, ask: Any) -> None:
    graph = make_graph(Quota())

    answers = [(await ask(graph)).status_code for _ in range(201)]

    assert answers == [204] * 200 + [429]
    assert graph.tenant.peak(20) == 201
    assert graph.tenant.peak(20, app="any") == 201


async def test_after_the_announced_wait_the_next_call_passes(make_graph: Any, ask: Any, stepped: Any) -> None:
    graph = make_graph(Quota(1, 4))
    stepped.now = 1_001.5
    await ask(graph)
    refused = await ask(graph)

    stepped.advance(float(refused.headers["retry-after"]))
    passed = await ask(graph)

    assert refused.headers["retry-after"] == "3"
    assert passed.status_code == 204
    assert graph.throttle.early_calls == 0


@pytest.mark.parametrize(
    ("style", "read"),
    [
        ("integer", lambda answer, _: float(answer.headers["retry-after"])),
        ("decimal", lambda answer, _: float(answer.headers["retry-after"])),
        ("date", lambda answer, wall: parsedate_to_datetime(answer.headers["retry-after"]).timestamp() - wall),
        ("nested", lambda answer, _: float(json.loads(answer.json()["error"]["message"])["RetryAfter"])),
    ],
)
async def test_every_style_announces_a_wait_that_suffices(
    make_graph: Any, ask: Any, stepped: Any, style: Any, read: Callable[[Any, float], float]
) -> None:
    graph = make_graph(Quota(1, 4, retry_after=style))
    stepped.now = 1_001.2345
    await ask(graph)

    refused = await ask(graph)

    announced = read(refused, 1_700_000_000 + stepped.now)
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "TooManyRequests"
    assert 2.7655 <= announced <= 3.8
    stepped.advance(announced)
    assert (await ask(graph)).status_code == 204


async def test_intune_may_refuse_without_any_hint(make_graph: Any, ask: Any) -> None:
    graph = make_graph(Quota(0, 4, retry_after="none"))

    refused = await ask(graph)

    assert refused.status_code == 429
    assert "retry-after" not in refused.headers
    assert refused.json()["error"]["message"] == "An error has occurred."


async def test_who_comes_back_early_waits_anew_if_told_so(make_graph: Any, ask: Any, stepped: Any) -> None:
    graph = make_graph(Quota(1, 10, punish_early=True))
    await ask(graph)
    await ask(graph)

    stepped.advance(9.5)
    early = await ask(graph)
    stepped.advance(9.5)
    early_again = await ask(graph)
    stepped.advance(float(early_again.headers["retry-after"]))
    passed = await ask(graph)

    assert [early.status_code, early_again.status_code, passed.status_code] == [429, 429, 204]
    assert early.headers["retry-after"] == "10"
    assert graph.throttle.early_calls == 2


async def test_each_app_has_a_quota_of_its_own_and_the_tenant_one_for_all(
    make_graph: Any, ask: Any, jwt_of: Any
) -> None:
    graph = make_graph(Quota(2, 10, tenant_limit=4, noise=1))
    first, second = jwt_of(appid="first"), jwt_of(appid="second")

    answers = [(await ask(graph, token=token)).status_code for token in (first, first, first, second, second)]

    # The third call is the app's; it still counts for the tenant, whose three are used up by the fourth.
    assert answers == [204, 204, 429, 429, 429]


async def test_the_same_app_in_another_tenant_has_another_quota(make_graph: Any, ask: Any, jwt_of: Any) -> None:
    graph = make_graph(Quota(1, 10))
    here, there = jwt_of(appid="app", tid="here"), jwt_of(appid="app", tid="there")

    answers = [(await ask(graph, token=token)).status_code for token in (here, here, there)]

    assert answers == [204, 429, 204]
    assert (graph.tenant.peak(10), graph.tenant.peak(10, app="app@here")) == (3, 2)


async def test_a_malformed_write_counts_too(make_graph: Any, ask: Any) -> None:
    graph = make_graph(Quota(1, 10))
    await ask(graph, device="not-a-guid")

    refused = await ask(graph)

    assert refused.status_code == 429


@pytest.mark.parametrize(
    ("text", "limit"),
    [("200/20s", (200, 20.0)), ("400/4", (400, 4.0)), (" 10/0.5S ", (10, 0.5)), ("none", None), ("NONE", None)],
)
def test_a_limit_is_read(text: str, limit: tuple[int, float] | None) -> None:
    assert parse_limit(text) == limit


@pytest.mark.parametrize("text", ["", "200", "200/0s", "-1/20s", "200/20m"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a limit"):
        parse_limit(text)
