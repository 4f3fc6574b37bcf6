"""Lists and schedules in a real browser, from the form to the runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from tests.browser.conftest import Installation
from tests.support.browser import Browser
from tests.support.dashboard import a_list, pictured

_ORDER = ("--list", "fleet", "--action", "refreshUserPolicy")


def test_a_list_is_kept_and_submitted_by_a_schedule_whose_runs_are_shown_as_they_are_typed(
    admin: Browser, tmp_path: Path
) -> None:
    listed = tmp_path / "weekly.csv"
    listed.write_text(a_list(40, 60))
    admin.open("/lists")
    admin.field("Name").send_keys("ring-1")
    admin.driver.find_element(By.ID, "file").send_keys(str(listed))
    admin.button("Save list").click()
    admin.heading("ring-1")
    admin.open("/schedules/new")
    admin.field("Name").send_keys("weekly")
    Select(admin.field("List")).select_by_value("ring-1")
    Select(admin.field("Action")).select_by_value("refreshUserPolicy")
    Select(admin.field("How often")).select_by_visible_text("Every weekday")
    admin.sees("Every weekday at 02:00")
    Select(admin.field("Recurrence")).select_by_value("cron")
    for label, text in (("When", "15 3 * * 1"), ("Time zone", "Europe/Berlin")):
        field = admin.field(label)
        field.clear()
        field.send_keys(text)
    admin.waits_for(lambda: admin.element("//ol[@class='moments']").text.count("02:15 UTC") > 5, "Mondays in Berlin")
    runs = admin.element("//ol[@class='moments']").text
    admin.button("Add the schedule").click()
    admin.heading("Next runs")
    pictured(admin, "schedule")
    admin.button("Run now").click()
    admin.element("//dialog[@open]//button[normalize-space()='Run']").click()
    admin.sees("All 20 devices accepted.")
    admin.press(lambda: admin.element("//td[@class='pick']//input"))
    admin.press(lambda: admin.button("Save as list"))
    admin.heading("Save 1 device as a list")
    admin.field("Name").send_keys("ring-1")
    admin.button("Save list").click()
    admin.heading("ring-1")
    admin.open("/lists/ring-1/compare?from=1&to=2")
    admin.heading("Removed")
    admin.open("/schedules/weekly")
    admin.button("Run now").click()
    admin.element("//dialog[@open]//button[normalize-space()='Run']").click()
    admin.sees("All 1 device")
    admin.open(f"{admin.driver.current_url.removeprefix(admin.base)}/changes")
    admin.heading("Against the run before")
    admin.open("/schedules/weekly")
    admin.sees("Finished 20 devices")
    admin.button("Pause").click()
    admin.element("//dialog[@open]//button[normalize-space()='Pause']").click()
    admin.sees("paused by key:admin")

    assert runs.count("Mon ") == 10
    assert runs.count(", 03:15 ") == 10


def test_a_schedule_is_changed_where_it_stands_with_its_next_runs_shown_as_they_are_typed(
    admin: Browser, installation: Installation
) -> None:
    installation.muster.run("list", "import", "fleet", "-", stdin=a_list(10, 40).encode())
    installation.muster.run(
        "schedule", "add", "tuesdays", "--cron", "0 2 * * 2", "--timezone", "Asia/Tokyo", "--until", "06:00", *_ORDER
    )
    admin.open("/schedules/tuesdays")
    admin.link("Change").click()
    admin.heading("Change tuesdays")
    admin.waits_for(lambda: admin.element("//ol[@class='moments']").text.count("Tue ") == 10, "Tuesdays")
    Select(admin.field("Recurrence")).select_by_value("cron")
    when = admin.field("When")
    when.clear()
    when.send_keys("0 2 * * 8")
    admin.sees("is no cron expression")
    when.clear()
    when.send_keys("30 4 * * 5")
    admin.waits_for(lambda: admin.element("//ol[@class='moments']").text.count("Fri ") == 10, "Fridays")
    typed = admin.element("//ol[@class='moments']").text
    until = admin.field("No call after")
    until.clear()
    until.send_keys("twelve")
    admin.press(lambda: admin.button("Change it"))
    admin.sees("'twelve'")
    until.clear()
    Select(admin.field("If the last job still runs")).select_by_visible_text("queue")
    admin.field("Reason").send_keys("CHG-4712")
    admin.press(lambda: admin.button("Change it"))
    admin.heading("Next runs")
    shown = admin.element("//ol[@class='moments']").text
    facts = admin.text()

    assert typed.count(", 04:30 ") == 10
    # The form shows them by the clock of the schedule, its page by the reader's, which is UTC here.
    assert shown.count("Fri 04:30 in Tokyo") == 10
    assert _in_utc(r"\d{4}-\d\d-\d\d \d\d:\d\d(?= UTC)", "%Y-%m-%d %H:%M", typed) == _in_utc(
        r"\d\d \w{3} \d{4}, \d\d:\d\d", "%d %b %Y, %H:%M", shown
    )
    assert "30 4 * * 5 (Asia/Tokyo)" in facts
    assert "open: calls start until the job is done" in facts
    assert "queue: one run waits" in facts
    admin.open("/audit")
    admin.sees("Schedule changed")
    admin.sees("CHG-4712")


def _in_utc(pattern: str, form: str, text: str) -> list[datetime]:
    return [datetime.strptime(each, form).replace(tzinfo=UTC) for each in re.findall(pattern, text)]
