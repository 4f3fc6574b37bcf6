"""The dashboard in a real browser, against the whole product: each test is something that a person wants to do."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.browser.conftest import Installation
from tests.support.apps import device_ids
from tests.support.browser import Browser
from tests.support.checkout import ROOT

AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
_AXE_RUN = """
const [context, done] = arguments;
axe.run(context, {resultTypes: ["violations"], selectors: false, preload: false}).then((found) => done(
  found.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).slice(0, 3).join(" ")}`)));
"""

# The navigation is one template: on two pages axe looks at all, on the others at what only they have.
_WHOLE_TO_AXE = ("/", "/sign-in")
_FRAME = (".side", ".topbar", ".tabs")

# The file as a drop hands it over: the browser's own drag cannot begin outside of it.
_DROP = """
const [zone, name, text] = arguments;
const data = new DataTransfer();
data.items.add(new File([text], name, {type: "text/csv"}));
for (const kind of ["dragenter", "dragover", "drop"])
  zone.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));
"""
# An update that was asked for first and is answered last; between them somebody chooses a status.
_OVERTAKE = """
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (...given) {
  XMLHttpRequest.prototype.send = send;
  const answered = this.onload;
  this.onload = () => setTimeout(() => {
    answered();
    window.rowsThen = document.querySelectorAll("#target-rows tbody tr").length;
    window.isLate = true;
  }, 1000);
  this.addEventListener("abort", () => { window.isLate = true; });
  send.apply(this, given);
};
htmx.trigger("#live", "htmx:sseClose");
const status = document.getElementById("target-status");
status.value = "failed";
status.dispatchEvent(new Event("change", {bubbles: true}));
"""

_LOOKS = {"wide": (1280, False), "phone": (390, True)}
"""Width of the window in pixels, and whether its reader prefers the dark."""

_ORDER = ("--list", "fleet", "--action", "refreshUserPolicy")


def a_list(first: int, last: int, *more: str) -> str:
    return "\n".join(["Device ID", *device_ids(600)[first:last], *more])


def pictured(browser: Browser, name: str) -> None:
    """Keep what is seen for the documents, where they are being made anew."""
    if os.environ.get("MUSTER_TEST_PICTURES") == "write":
        browser.picture(ROOT / "docs" / "images" / f"{name}.png")


def drop(browser: Browser, name: str, text: str) -> None:
    browser.open("/jobs/new")
    browser.run(_DROP, browser.driver.find_element(By.CSS_SELECTOR, "[data-drop]"), name, text)


def violations(browser: Browser, page: str) -> list[str]:
    """What axe finds on this page as it is seen now, by all of its rules."""
    if not browser.run("return 'axe' in window"):
        browser.run(AXE)
    left_out = [] if page in _WHOLE_TO_AXE else [[each] for each in _FRAME]
    found: list[str] = browser.driver.execute_async_script(_AXE_RUN, {"exclude": left_out})
    return found


def submit(browser: Browser, name: str, text: str, action: str = "Refresh user policy") -> str:
    """Submit by drop; the id of the job whose page is shown then."""
    drop(browser, f"{name}.csv", text)
    browser.press(lambda: browser.choice(action))
    browser.press(lambda: browser.button("Start job on"))
    browser.heading(f"{name}.csv")
    return browser.driver.current_url.rpartition("/")[2]


def test_a_list_is_dropped_judged_confirmed_and_runs_before_ones_eyes(
    admin: Browser, installation: Installation
) -> None:
    devices = device_ids(600)
    drop(admin, "europe.csv", a_list(0, 400, "nobody", devices[5]))
    admin.press(lambda: admin.choice("Refresh user policy"))
    admin.sees("1 line is bad")
    verdict = admin.text()
    pictured(admin, "verdict")
    admin.press(lambda: admin.choice("Take the good rows"))
    admin.field("Reason").send_keys("CHG-4711")
    admin.press(lambda: admin.button("Start job on 400 devices"))
    admin.sees("Type that number to confirm")
    asked = admin.driver.current_url
    admin.field("Type 400 to confirm").send_keys("400")
    admin.press(lambda: admin.choice("Refresh machine policy"))
    admin.sees("asked for Refresh machine policy")
    swapped = admin.field("Type 400 to confirm").get_attribute("value")
    # As if the page had missed the change: the server refuses what was not judged.
    admin.run("document.querySelector('input[value=refreshUserPolicy]').checked = true")
    admin.field("Type 400 to confirm").send_keys("400")
    admin.press(lambda: admin.button("Start job on 400 devices"))
    admin.sees("the action was refreshMachinePolicy and is refreshUserPolicy")
    admin.field("Type 400 to confirm").send_keys("400")
    admin.press(lambda: admin.button("Start job on 400 devices"))
    admin.heading("europe.csv")
    before = admin.count("accepted")
    admin.waits_for(lambda: admin.count("accepted") > 150, "many of them accepted")
    pictured(admin, "job")
    admin.waits_for(lambda: admin.count("accepted") == 380, "all of them accepted")

    assert "402 rows" not in verdict
    assert "'nobody' is not a GUID" in verdict
    assert "same device as line 7" in verdict
    assert asked.endswith("/jobs/new")
    assert swapped == ""
    assert before < 380
    assert admin.count("failed") == 20
    admin.sees("Finished")
    admin.sees("CHG-4711")
    assert sum(installation.graph.tenant.effects.values()) >= 380


def test_what_failed_is_explained_and_retried(admin: Browser, installation: Installation) -> None:
    submit(admin, "ring-0", a_list(0, 30))
    admin.sees("Finished")
    admin.sees("20 will fail again")
    admin.sees("404 ResourceNotFound")
    admin.sees("Graph knows no managed device with this id.")
    pictured(admin, "errors")
    installation.graph.tenant.known_devices = None
    admin.press(lambda: admin.element("//button[@id='to-retry']"))
    admin.sees("20 failures that no further attempt mends are left out")
    admin.press(lambda: admin.choice("Also failures that no further attempt mends"))
    admin.sees("20 devices fit")
    admin.field("Reason").send_keys("they are enrolled now")
    admin.press(lambda: admin.element("//dialog[@open]//button[normalize-space()='Retry 20 devices']"))
    admin.sees("All 20 devices accepted.")
    admin.waits_for(lambda: admin.count("accepted") == 20, "all of them accepted")
    installation.graph.tenant.known_devices = set(device_ids(600)[20:])

    admin.sees("Retry of")
    admin.sees("they are enrolled now")


@pytest.mark.usefixtures("slow_graph")
def test_a_job_is_paused_resumed_weighed_and_cancelled(admin: Browser) -> None:
    submit(admin, "steered", a_list(100, 350))
    for opener, does, seen in (("Pause", "Pause", "Paused"), ("Resume", "Resume", "Running")):
        admin.press(lambda opener=opener: admin.button(opener))  # type: ignore[misc] # bound at once
        admin.press(lambda does=does: admin.element(f"//dialog[@open]//button[normalize-space()='{does}']"))  # type: ignore[misc] # likewise
        admin.waits_for(lambda seen=seen: seen in admin.element("//span[contains(@class, 'badge')]").text, seen)  # type: ignore[misc] # likewise
    admin.press(lambda: admin.button("Priority"))
    Select(admin.field("Priority")).select_by_visible_text("low")
    admin.press(lambda: admin.element("//dialog[@open]//button[normalize-space()='Change']"))
    admin.sees("low priority")
    admin.press(lambda: admin.button("Cancel"))
    admin.press(lambda: admin.button("Cancel the job"))
    admin.waits_for(lambda: "Cancelled" in admin.element("//span[contains(@class, 'badge')]").text, "cancelled")

    told = admin.text()
    assert all(word in told for word in ("Paused by", "Resumed by", "Priority changed by", "Cancelled by"))
    assert admin.count("waiting") == 0


@pytest.mark.usefixtures("slow_graph")
def test_a_live_page_keeps_marked_text_and_the_place_of_the_keyboard(admin: Browser) -> None:
    submit(admin, "looked-at", a_list(100, 350))
    admin.run("window.heard = 0; document.addEventListener('htmx:sseBeforeMessage', () => { window.heard += 1; })")
    admin.run("getSelection().selectAllChildren(document.querySelector('#standing h1'))")
    admin.waits_for(lambda: admin.run("return window.heard") > 1, "two updates")
    marked = admin.run("return getSelection().toString()")
    admin.run(
        "getSelection().removeAllRanges(); document.querySelector('#standing .crumb a').focus(); window.heard = 0"
    )
    admin.waits_for(lambda: admin.run("return window.heard") > 1, "two more")
    place = admin.driver.switch_to.active_element.text
    admin.press(lambda: admin.button("Pause"))
    admin.run("window.heard = 0")
    admin.waits_for(lambda: admin.run("return window.heard") > 0, "one below the dialog")
    ActionChains(admin.driver).send_keys(Keys.ESCAPE).perform()

    assert marked == "looked-at.csv"
    assert place == "Jobs"
    admin.waits_for(lambda: admin.driver.switch_to.active_element.text == "Pause", "the focus where it was")


def test_a_form_outlives_the_session_in_which_it_was_filled_in(
    admin: Browser, installation: Installation, tmp_path: Path
) -> None:
    listed = tmp_path / "kept.csv"
    listed.write_text(a_list(0, 5))
    admin.open("/lists")
    admin.field("Name").send_keys("kept")
    admin.driver.find_element(By.ID, "file").send_keys(str(listed))
    admin.driver.delete_all_cookies()
    admin.press(lambda: admin.button("Save list"))
    admin.sees("You are signed out, so nothing was sent.")
    here = admin.driver.current_window_handle
    admin.driver.switch_to.new_window("tab")
    admin.sign_in(installation.key("admin"))
    admin.driver.close()
    admin.driver.switch_to.window(here)
    admin.press(lambda: admin.button("Save list"))
    admin.heading("kept")

    admin.sees("5 devices")


def test_devices_are_searched_and_filtered(admin: Browser) -> None:
    submit(admin, "searched", a_list(0, 60))
    admin.sees("Finished")
    Select(admin.element("//select[@id='target-status']")).select_by_visible_text("Failed")
    admin.waits_for(lambda: len(admin.driver.find_elements(By.CSS_SELECTOR, "#target-rows tbody tr")) == 20, "20 rows")
    admin.element("//input[@id='target-search']").send_keys(device_ids(600)[7][4:18])
    admin.waits_for(lambda: len(admin.driver.find_elements(By.CSS_SELECTOR, "#target-rows tbody tr")) == 1, "one row")
    admin.open("/jobs")
    admin.element("//input[@id='search']").send_keys("searched")
    admin.waits_for(lambda: len(admin.driver.find_elements(By.CSS_SELECTOR, "tr.job")) == 1, "one job")

    admin.waits_for(lambda: "search=searched" in admin.driver.current_url, "an address that can be passed on")


@pytest.mark.usefixtures("slow_graph")
def test_a_filter_stands_though_an_update_of_all_devices_was_on_its_way(admin: Browser) -> None:
    submit(admin, "overtaken", a_list(100, 130))
    admin.element("//*[@data-follows]/following-sibling::form")
    admin.run(_OVERTAKE)
    admin.waits_for(lambda: admin.run("return window.isLate"), "the end of the update that was asked for first")
    # The next update would hide that all devices were shown.
    assert not admin.run("return window.rowsThen")
    admin.sees("No device fits")
    admin.press(lambda: admin.button("Cancel"))
    admin.press(lambda: admin.button("Cancel the job"))
    admin.waits_for(lambda: "Cancelled" in admin.element("//span[contains(@class, 'badge')]").text, "cancelled")


@pytest.mark.usefixtures("slow_graph")
def test_a_page_left_open_survives_a_restart_of_the_service(admin: Browser, installation: Installation) -> None:
    submit(admin, "left-open", a_list(100, 340))
    admin.press(lambda: admin.button("Pause"))
    admin.press(lambda: admin.element("//dialog[@open]//button[normalize-space()='Pause']"))
    admin.sees("Paused")
    job = admin.driver.current_url.rpartition("/")[2]

    installation.processes.close()
    admin.sees("The connection is lost.")
    admin.press(lambda: admin.button("Priority"))
    admin.element("//dialog[@open]//input[@name='reason']").send_keys("CHG-1")
    admin.press(lambda: admin.element("//dialog[@open]//button[normalize-space()='Change']"))
    admin.sees("Muster does not answer, so nothing was sent.")
    installation.processes = installation.serve()
    admin.waits_for(lambda: "The connection is lost." not in admin.text(), "the connection again")
    installation.muster.run("job", "cancel", job)
    admin.waits_for(lambda: "Cancelled" in admin.element("//span[contains(@class, 'badge')]").text, "cancelled")

    assert admin.driver.current_url.endswith(job)
    assert admin.element("//dialog[@open]//input[@name='reason']").get_attribute("value") == "CHG-1"
    # While the service was away the browser said so, as it should.
    assert admin.complaints() != []


def test_only_those_come_in_who_may_and_see_what_is_theirs(browser: Browser, installation: Installation) -> None:
    browser.driver.delete_all_cookies()
    browser.open("/audit")
    browser.heading("Sign in")
    browser.driver.find_element(By.ID, "key").send_keys("muster_wrong")
    browser.button("Sign in").click()
    browser.sees("This key opens nothing.")
    browser.driver.find_element(By.ID, "key").send_keys(installation.key("viewer"))
    browser.button("Sign in").click()
    browser.heading("You may not do this")
    browser.open("/jobs")
    browser.heading("Jobs")
    seen = browser.text()
    browser.open("/jobs/new")
    browser.heading("You may not do this")
    browser.button("Sign out").click()
    browser.sees("You are signed out.")
    browser.open("/jobs")
    browser.heading("Sign in")

    assert "New job" not in seen
    assert "Access keys" not in seen
    assert all("status of 40" in each for each in browser.complaints())


def test_everything_can_be_done_with_the_keyboard_alone(
    browser: Browser, installation: Installation, tmp_path: Path
) -> None:
    listed = tmp_path / "keyboard.csv"
    listed.write_text(a_list(30, 40))
    browser.driver.delete_all_cookies()
    browser.open("/sign-in")

    def press(*keys: str) -> None:
        ActionChains(browser.driver).send_keys(*keys).perform()

    def tab_to(text: str) -> None:
        for _ in range(60):
            focused = browser.driver.switch_to.active_element
            name = focused.text or focused.get_attribute("aria-label") or focused.get_attribute("value") or ""
            if name.startswith(text):
                return
            press(Keys.TAB)
        pytest.fail(f"{text} was not reached with the keyboard")

    press(Keys.TAB, Keys.TAB)
    press(installation.key("operator"), Keys.ENTER)
    browser.heading("Running now")
    tab_to("New job")
    press(Keys.ENTER)
    browser.heading("New job")
    tab_to("Device list")
    # The system's own dialog is beyond a page; what it would hand over is given to the focused field.
    browser.driver.switch_to.active_element.send_keys(str(listed))
    browser.sees("devices to call")
    tab_to("refreshMachinePolicy")
    press(Keys.ARROW_DOWN)
    browser.sees("Refresh user policy on 10 devices")
    tab_to("Start job on 10 devices")
    press(Keys.ENTER)
    browser.heading("keyboard.csv")
    browser.sees("All 10 devices accepted.")


def test_nothing_stands_in_the_way_of_a_screen_reader_and_nothing_is_cut_off(
    admin: Browser, installation: Installation
) -> None:
    job = submit(admin, "for-all", a_list(10, 40))
    admin.sees("Finished")
    kept = (("list", "import", "fleet", "-"), ("schedule", "add", "nightly", "--cron", "0 2 * * *", *_ORDER))
    for command in kept:
        installation.muster.run(*command, stdin=a_list(10, 40).encode())
    found: dict[str, list[str]] = {}
    looks = [*_LOOKS]
    selecting = f"/jobs/{job}?sort=line"
    names = {"/": "overview", "/jobs": "jobs", f"/jobs/{job}": "job"}

    def look_at(page: str) -> None:
        # Each page is loaded as the one before was seen last, one half as a phone.
        looks.reverse()
        for look in looks:
            width, dark = _LOOKS[look]
            admin.look(width=width, height=844, dark=dark)
            found[f"{page} {look}"] = violations(admin, page)
            assert admin.run("return document.documentElement.scrollWidth") <= width, (page, look)
            if page in names:
                pictured(admin, f"{names[page]}-{look}")

    for page in (
        "/",
        "/jobs",
        "/display",
        "/devices",
        "/inventory",
        "/jobs?status=finished-with-failures&action=refreshUserPolicy&from=2026-01-01&who=admin",
        "/jobs/new",
        "/jobs/new?list=fleet",
        "/jobs/new?source=group",
        "/jobs/new?where=name%3DBER-*",
        "/jobs/new?device=BER-LT-0412",
        f"/jobs/{job}",
        selecting,
        "/schedules",
        "/schedules/new",
        "/schedules/nightly",
        "/schedules/nightly/change",
        "/lists",
        "/lists/fleet",
        "/lanes",
        "/blackouts",
        "/tenants",
        "/notifications",
        "/keys",
        "/audit",
        "/health",
        "/nowhere",
    ):
        admin.open(page)
        if page == selecting:
            # Scrolled clear of the tabs at the bottom of a phone, as a person would.
            box = admin.element("//td[@class='pick']//input")
            admin.run("arguments[0].scrollIntoView({block: 'center'})", box)
            box.click()
            admin.sees("The table stands still")
        look_at(page)
    admin.driver.delete_all_cookies()
    admin.open("/sign-in")
    look_at("/sign-in")

    assert {page: violations for page, violations in found.items() if violations} == {}
    assert all("404" in each for each in admin.complaints())


def test_no_page_asks_anything_of_another_host(admin: Browser, installation: Installation) -> None:
    asked: set[str] = set()
    for page in ("/", "/jobs", "/jobs/new", "/keys", "/audit", "/health"):
        admin.open(page)
        asked.update(admin.run("return performance.getEntries().map((each) => each.name)"))
    asked = {each for each in asked if ":" in each}

    # The browser finds no other host either: what asked for one is also among the complaints after each test.
    assert len(asked) > 5
    assert {url for url in asked if not url.startswith((installation.url, "data:"))} == set()


def test_times_are_the_readers_own_with_utc_on_hover(admin: Browser) -> None:
    admin.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kolkata"})
    admin.open("/audit")
    instant = admin.element("//time")
    shown, title, utc = instant.text, instant.get_attribute("title"), instant.get_attribute("datetime")
    local = admin.run("return new Date(arguments[0]).getMinutes()", utc)
    admin.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})

    assert title is not None
    assert title.endswith("UTC")
    assert f":{local:02}" in shown
    assert f":{local:02}:" not in title


def test_a_key_is_made_shown_once_and_revoked(admin: Browser) -> None:
    admin.open("/keys")
    admin.button("New key").click()
    admin.field("Name").send_keys("portal")
    Select(admin.field("Role")).select_by_value("operator")
    admin.button("Make it").click()
    text = admin.element("//code[@id='made']").text
    admin.open("/keys")
    listed = admin.text()
    admin.element("//button[@aria-label='Revoke portal']").click()
    admin.element("//dialog[@open]//button[normalize-space()='Revoke']").click()
    admin.sees("Revoked")

    assert text.startswith("muster_")
    assert text not in listed


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


def test_more_tabs_may_be_open_than_a_browser_has_connections(admin: Browser, installation: Installation) -> None:
    job = submit(admin, "in-many-tabs", a_list(100, 340))
    installation.muster.run("job", "pause", job)
    admin.sees("Paused")
    here = admin.driver.current_window_handle
    for _ in range(6):
        admin.driver.switch_to.new_window("tab")
        admin.open(f"/jobs/{job}")
        admin.heading("in-many-tabs")
    others = [tab for tab in admin.driver.window_handles if tab != here]
    for tab in others:
        admin.driver.switch_to.window(tab)
        admin.driver.close()
    admin.driver.switch_to.window(here)
    installation.muster.run("job", "cancel", job)

    # The first tab let go of its connection while others were looked at, and has it again.
    admin.waits_for(lambda: admin.count("waiting") == 0, "that it is cancelled")


def _in_utc(pattern: str, form: str, text: str) -> list[datetime]:
    return [datetime.strptime(each, form).replace(tzinfo=UTC) for each in re.findall(pattern, text)]
