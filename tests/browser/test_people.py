"""What people bring along: a keyboard alone, a session that ends, a time zone, a key."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.browser.conftest import Installation
from tests.support.browser import Browser
from tests.support.dashboard import a_list


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
