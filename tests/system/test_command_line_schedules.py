from __future__ import annotations

import json
import socket

import pytest

from orchestrator.simulator.app import SimulatedGraph
from tests.support.apps import device_ids, devices_csv
from tests.support.command_line import CommandLine
from tests.support.services import free_port
from tests.support.waiting import until

BERLIN = ("--cron", "30 2 * * *", "--timezone", "Europe/Berlin")
ORDER = ("--action", "refreshUserPolicy", "--list", "fleet")


def test_a_preview_needs_no_schedule_and_marks_the_night_without_an_hour(muster: CommandLine) -> None:
    ended = muster.run("schedule", "preview", *BERLIN, "--from", "2026-03-28T00:00Z", "--count", "2", "-o", "json")

    assert ended.code == 0
    assert ended.json == [
        {"local": "2026-03-28T02:30:00+01:00", "utc": "2026-03-28T01:30:00Z", "marks": []},
        {
            "local": "2026-03-29T03:00:00+02:00",
            "utc": "2026-03-29T01:00:00Z",
            "marks": ["daylight saving: 02:30 does not exist, so it runs at 03:00"],
        },
    ]


def test_the_table_of_a_preview_has_utc_wherever_the_machine_is(muster: CommandLine) -> None:
    ended = muster.run(
        "schedule", "preview", *BERLIN, "--from", "2026-03-27T00:00Z", "--count", "1", TZ="America/New_York"
    )

    assert ended.out.splitlines()[1].split("  ") == ["2026-03-27 02:30:00+01:00", "2026-03-27 01:30:00+00:00"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("preview", "--cron", "99 2 * * *", "--timezone", "Europe/Berlin"),
        ("preview", "--cron", "0 2 * * *", "--timezone", "Europe/Atlantis"),
        ("preview",),
        ("preview", "nothing"),
        ("add", "a", "--cron", "0 2 * * *", "--every", "6h", *ORDER),
        ("add", "a", *BERLIN, *ORDER),
        ("add", "a", *BERLIN, *ORDER, "--until", "noon"),
        ("add", "a", *BERLIN, *ORDER, "--notify", "nobody"),
        ("show", "nothing"),
        ("run", "nothing"),
    ],
)
def test_what_cannot_be_is_refused_with_2_and_one_line(muster: CommandLine, arguments: tuple[str, ...]) -> None:
    ended = muster.run("schedule", *arguments)

    assert ended.code == 2
    assert "Traceback" not in ended.err
    assert ended.err.strip()


def test_a_schedule_is_changed_in_place(muster: CommandLine) -> None:
    muster.run("list", "import", "fleet", muster.write("a.csv", devices_csv(5)))
    muster.run("schedule", "add", "nightly", *BERLIN, *ORDER, "--until", "06:00", "--priority", "high")

    changed = muster.run("schedule", "change", "nightly", "--cron", "30 3 * * *", "--until", "none")
    shown = muster.run("schedule", "show", "nightly", "-o", "json").json
    nothing = muster.run("schedule", "change", "nightly")

    assert (changed.code, nothing.code) == (0, 2)
    assert "until: 06:00 → none" in changed.err
    assert (shown["cron"], shown["timezone"], shown["priority"]) == ("30 3 * * *", "Europe/Berlin", "high")
    assert shown["rules"]["until"] is None


def test_a_list_has_versions_and_says_what_came_and_went(muster: CommandLine) -> None:
    muster.run("list", "import", "fleet", muster.write("a.csv", devices_csv(5)))
    again = muster.run("list", "import", "fleet", muster.write("b.csv", devices_csv(4)), "-o", "json")
    bad = muster.run("list", "import", "fleet", muster.write("c.csv", b"Device ID\nno-guid\n"))
    shown = muster.run("list", "show", "fleet", "-o", "json").json

    assert (again.json["version"], again.json["added"], again.json["removed"]) == (2, 0, 1)
    assert again.json["removedDevices"] == [device_ids(5)[4]]
    assert bad.code == 2
    assert [version["devices"] for version in shown["versions"]] == [4, 5]


def test_every_change_of_a_list_or_schedule_takes_a_reason(muster: CommandLine) -> None:
    for order in (
        ("list", "import", "fleet", muster.write("a.csv", devices_csv(5))),
        ("schedule", "add", "nightly", *BERLIN, *ORDER),
        ("schedule", "pause", "nightly"),
        ("schedule", "resume", "nightly"),
        ("schedule", "run", "nightly"),
        ("schedule", "remove", "nightly"),
        ("list", "remove", "fleet"),
    ):
        assert muster.run(*order, "--reason", "CHG-4711").code == 0, order

    audit_entries = muster.run("audit", "-o", "json").json
    assert {audit_entry["what"] for audit_entry in audit_entries} >= {
        "list.imported",
        "job.submitted",
        "schedule.removed",
        "list.removed",
    }
    assert {audit_entry["reason"] for audit_entry in audit_entries} == {"CHG-4711"}


def test_a_service_is_a_clock_and_history_says_what_became_of_every_moment(
    muster: CommandLine, graph: SimulatedGraph
) -> None:
    muster.run("list", "import", "fleet", muster.write("a.csv", devices_csv(20)))
    added = muster.run("schedule", "add", "often", "--every", "2s", *ORDER, "-o", "json")

    with muster.started("serve", "--port", str(free_port())):
        until(lambda: len(_started(muster)) >= 2, pause=0.25)
        muster.run("schedule", "pause", "often")
        jobs = _started(muster)
        waited = [muster.run("job", "wait", job) for job in jobs]
    first = muster.run("job", "show", jobs[-1], "-o", "json").json

    assert len(added.json["next"]) == 10
    assert "No clock is running" in added.err
    assert {ended.code for ended in waited} == {0}
    assert len(set(jobs)) == len(jobs)
    assert first["schedule"] == "often"
    assert first["intake"]["fileName"] == "fleet@1"
    assert set(graph.tenant.effects.values()) == {len(jobs)}


def test_a_schedule_run_by_hand_is_seen_through_here_and_told(muster: CommandLine, graph: SimulatedGraph) -> None:
    muster.run("list", "import", "fleet", muster.write("a.csv", devices_csv(20)))
    muster.run("schedule", "add", "nightly", *BERLIN, *ORDER)
    with socket.create_server(("127.0.0.1", 0)) as refusing:
        url = f"http://127.0.0.1:{refusing.getsockname()[1]}/hook"
        refusing.close()

        ran = muster.run("schedule", "run", "nightly", "-o", "json", MUSTER_NOTIFY_WEBHOOK=url)
    log = muster.run("notify", "log", "-o", "json").json
    history = muster.run("schedule", "history", "nightly", "-o", "json").json

    assert ran.code == 0
    assert ran.json["counts"]["accepted"] == 20
    assert len(muster.report(ran.json["id"])) == 20
    assert graph.tenant.total == 20
    assert [(each["event"], each["status"], each["attempts"]) for each in log] == [("finished", "waiting", 1)]
    assert [(row["status"], row["job"]) for row in history] == [("started", ran.json["id"])]
    assert [(row["jobStatus"], row["accepted"], row["failed"]) for row in history] == [("finished", 20, 0)]


def test_doctor_names_a_schedule_that_is_set_aside(muster: CommandLine) -> None:
    muster.run("list", "import", "fleet", muster.write("a.csv", devices_csv(5)))
    muster.run("schedule", "add", "often", "--every", "1s", *ORDER)
    removed = muster.run("list", "remove", "fleet", "--force")

    with muster.started("serve", "--port", str(free_port())):
        until(lambda: muster.run("schedule", "show", "often", "-o", "json").json["status"] == "set aside", pause=0.25)
        doctor = muster.run("doctor", "-o", "json").json

    checks = {check["name"]: check for check in doctor}
    assert "often" in removed.err
    assert not checks["schedules"]["ok"]
    assert "often" in checks["schedules"]["detail"]


def test_blackouts_come_from_dates_and_calendars_and_show_in_the_preview(muster: CommandLine) -> None:
    calendar = "\r\n".join(
        [
            *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//", "BEGIN:VEVENT", "UID:1", "SUMMARY:Freeze"),
            *("DTSTAMP:20260101T000000Z", "DTSTART;VALUE=DATE:20301224", "END:VEVENT", "END:VCALENDAR", ""),
        ]
    )
    muster.run("list", "import", "fleet", muster.write("a.csv", devices_csv(5)))
    muster.run("schedule", "add", "nightly", *BERLIN, *ORDER, "--blackout", "2030-12-26")
    added = muster.run("schedule", "blackout", "add", "--file", muster.write("x.ics", calendar.encode()))
    preview = muster.run("schedule", "preview", "nightly", "--from", "2030-12-24", "--count", "3", "-o", "json").json
    listed = muster.run("schedule", "blackout", "list", "-o", "json").json

    assert added.code == 0
    assert [instant["marks"] for instant in preview] == [["blackout: Freeze"], [], ["blackout: 2030-12-26"]]
    assert [row["for"] for row in listed] == ["all", "nightly"]


def _started(muster: CommandLine) -> list[str]:
    history = json.loads(muster.run("schedule", "history", "often", "-o", "json").out)
    return [row["job"] for row in history if row["status"] == "started"]
