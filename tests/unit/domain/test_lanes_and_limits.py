from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.lane import GRAPH_WRITE_LIMIT, WriteLimit, lane_key, parse_write_limit


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("200/20s", GRAPH_WRITE_LIMIT),
        (" 400 / 4 s ", WriteLimit(400, timedelta(seconds=4))),
        ("1/0.5s", WriteLimit(1, timedelta(seconds=0.5))),
        ("none", None),
        ("None ", None),
    ],
)
def test_a_limit_is_read_as_people_write_it(text: str, limit: WriteLimit | None) -> None:
    assert parse_write_limit(text) == limit


@pytest.mark.parametrize("text", ["", "200", "200/20", "0/20s", "200/0s", "-1/20s", "200/20m", "2e3/20s", "no limit"])
def test_what_is_no_limit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="200/20s"):
        parse_write_limit(text)


@pytest.mark.parametrize("text", ["200/20s", "400/4s", "1/0.5s", "7/3600s"])
def test_a_limit_reads_back_as_it_is_shown(text: str) -> None:
    assert str(parse_write_limit(text)) == text


def test_a_lane_is_the_same_however_its_ids_are_spelled() -> None:
    assert lane_key("global", "ABC", "dEf") == lane_key("global", "abc", "def")


def test_clouds_tenants_and_apps_have_lanes_of_their_own() -> None:
    lanes = {lane_key(cloud, tenant, app) for cloud in ("global", "usgov") for tenant in "ab" for app in "cd"}

    assert len(lanes) == 8
