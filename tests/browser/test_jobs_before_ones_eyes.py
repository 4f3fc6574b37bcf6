"""Jobs in a real browser, against the whole product: each test is something that a person wants to do."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from tests.browser.conftest import Installation
from tests.support.apps import device_ids
from tests.support.browser import Browser
from tests.support.dashboard import a_list, choose, drop, pictured, submit


def test_a_list_is_dropped_judged_confirmed_and_runs_before_ones_eyes(
    admin: Browser, installation: Installation
) -> None:
    devices = device_ids(600)
    drop(admin, "europe.csv", a_list(0, 220, "nobody", devices[5]))
    choose(admin, "Refresh user policy")
    admin.sees("1 line is bad")
    verdict = admin.text()
    pictured(admin, "verdict")
    admin.press(lambda: admin.choice("Take the good rows"))
    admin.field("Reason").send_keys("CHG-4711")
    admin.press(lambda: admin.button("Start job on 220 devices"))
    admin.sees("Type that number to confirm")
    asked = admin.driver.current_url
    admin.field("Type 220 to confirm").send_keys("220")
    admin.press(lambda: admin.choice("Refresh machine policy"))
    admin.sees("asked for Refresh machine policy")
    swapped = admin.field("Type 220 to confirm").get_attribute("value")
    # As if the page had missed the change: the server refuses what was not judged.
    admin.run("document.querySelector('input[value=refreshUserPolicy]').checked = true")
    admin.field("Type 220 to confirm").send_keys("220")
    admin.press(lambda: admin.button("Start job on 220 devices"))
    admin.sees("the action was refreshMachinePolicy and is refreshUserPolicy")
    admin.field("Type 220 to confirm").send_keys("220")
    admin.press(lambda: admin.button("Start job on 220 devices"))
    admin.heading("europe.csv")
    before = admin.count("accepted")
    admin.waits_for(lambda: admin.count("accepted") > 60, "many of them accepted")
    pictured(admin, "job")
    admin.waits_for(lambda: admin.count("accepted") == 200, "all of them accepted")

    assert "222 rows" not in verdict
    assert "'nobody' is not a GUID" in verdict
    assert "same device as line 7" in verdict
    assert asked.endswith("/jobs/new")
    assert swapped == ""
    assert before < 200
    assert admin.count("failed") == 20
    admin.sees("Finished")
    admin.sees("CHG-4711")
    assert sum(installation.graph.tenant.effects.values()) >= 200


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
    submit(admin, "steered", a_list(100, 300))
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
