from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.blackout import Blackout
from orchestrator.domain.ids import LaneKey, WorkerId
from orchestrator.domain.lane import Cloud
from orchestrator.domain.notice import Channel, Notice, NoticeStatus
from orchestrator.domain.notice_kinds import ChannelKind, Event
from orchestrator.domain.tenant import Permission, Tenant
from orchestrator.settings.load import load_settings
from orchestrator.store.jobs.notices import NoticeFacts
from orchestrator.store.work.workers import WorkerSeen
from orchestrator.usecases.operations.check_surroundings import judge_shared_lanes
from orchestrator.usecases.operations.check_tenant import TenantCheck
from orchestrator.usecases.schedules.change_blackouts import BlackoutView
from orchestrator.views.blackouts import listed_blackout_object
from orchestrator.views.notifications import channel_object, notice_object
from orchestrator.views.tenants import tenant_objects
from orchestrator.views.workers import worker_object

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LANE = LaneKey("global/unnamed/unnamed")
NORTH = Tenant("north", Cloud.GLOBAL, "https://graph.example", LANE, None)


def test_a_tenant_is_shown_without_its_secret() -> None:
    settings = load_settings(
        {"MUSTER_TENANT_ID": "contoso.example", "MUSTER_CLIENT_ID": "app", "MUSTER_CLIENT_SECRET": "hush"}
    )
    whole: list[object] = [*tenant_objects(settings)]

    assert whole == [
        {
            "name": "default",
            "default": True,
            "tenantId": "contoso.example",
            "clientId": "app",
            "cloud": "global",
            "graphUrl": None,
            "writeLimit": "200/20s",
            "signIn": "client secret",
        }
    ]


def test_channels_and_the_log_are_shown_alike_everywhere() -> None:
    channel = Channel("ops", ChannelKind.TEAMS, frozenset({Event.FINISHED, Event.FAILURES}), is_general=False)
    notice = Notice("key", Event.FINISHED, "k3x7", "A job has ended", ())
    entry = NoticeFacts(1, "ops", notice, NoticeStatus.WAITING, 2, "410", NOON, NOON + timedelta(minutes=1), None)
    shown: object = channel_object(channel)
    waiting, sent = notice_object(entry), notice_object(replace(entry, status=NoticeStatus.SENT))

    assert shown == {"channel": "ops", "kind": "teams", "hears": "failures, finished", "of": "schedules that name it"}
    assert (waiting["createdAt"], waiting["againAt"]) == ("2026-03-02T12:00:00.000Z", "2026-03-02T12:01:00.000Z")
    assert (sent["againAt"], sent["problem"], sent["title"]) == (None, "410", "A job has ended")


@pytest.mark.parametrize(
    ("view", "whom"),
    [
        (BlackoutView(Blackout(NOON, NOON)), "all"),
        (BlackoutView(Blackout(NOON, NOON), schedule="nightly"), "nightly"),
        (BlackoutView(Blackout(NOON, NOON), tenant="north"), "tenant north"),
    ],
)
def test_a_blackout_names_the_schedules_it_holds_for(view: BlackoutView, whom: str) -> None:
    shown = listed_blackout_object(view)

    assert (shown["for"], shown["schedule"], shown["tenant"]) == (whom, view.schedule, view.tenant)


def test_a_process_is_shown_with_its_last_report() -> None:
    shown: object = worker_object(WorkerSeen(WorkerId("worker@there"), "worker", None, "1", NOON, NOON))

    assert shown == {
        "id": "worker@there",
        "kind": "worker",
        "version": "1",
        "startedAt": "2026-03-02T12:00:00.000Z",
        "seenAt": "2026-03-02T12:00:00.000Z",
    }


def test_a_check_says_its_doubt_where_the_token_is_missing_the_permission_or_cannot_be_read() -> None:
    granted = TenantCheck(NORTH, Permission.GRANTED, fits=True, facts=(), advice=("First.", "Second."))

    assert granted.doubt is None
    assert replace(granted, permission=Permission.UNREADABLE).doubt == "First."
    assert replace(granted, permission=Permission.MISSING).doubt == "First."


def test_tenants_of_one_lane_are_named_and_doubted_where_nothing_tells_them_apart() -> None:
    known = replace(NORTH, tenant_id="contoso", client_id="app", lane=LaneKey("global/contoso/app"))
    (doubtful,) = judge_shared_lanes([NORTH, replace(NORTH, name="south"), known])
    (intended,) = judge_shared_lanes([known, replace(known, name="other")])

    assert (doubtful.ok, doubtful.is_needed, doubtful.detail.startswith("north, south ")) == (False, False, True)
    assert intended.ok
    assert judge_shared_lanes([NORTH, known]) == []
