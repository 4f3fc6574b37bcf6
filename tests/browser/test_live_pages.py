"""Pages that are open while their job, their service or other tabs change."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import Installation
from tests.support.browser import Browser
from tests.support.dashboard import a_list, submit

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


@pytest.mark.usefixtures("slow_graph")
def test_a_live_page_keeps_marked_text_and_the_place_of_the_keyboard(admin: Browser) -> None:
    submit(admin, "looked-at", a_list(100, 300))
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


@pytest.mark.usefixtures("slow_graph")
def test_a_filter_stands_though_an_update_of_all_devices_was_on_its_way(admin: Browser) -> None:
    submit(admin, "overtaken", a_list(100, 200))
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
    submit(admin, "left-open", a_list(100, 300))
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


def test_more_tabs_may_be_open_than_a_browser_has_connections(admin: Browser, installation: Installation) -> None:
    job = submit(admin, "in-many-tabs", a_list(100, 300))
    installation.muster.run("job", "pause", job)
    admin.sees("Paused")
    here = admin.driver.current_window_handle
    for number in range(6):
        # Opened by the page, they share its process, which costs less than six of their own.
        admin.run("window.open(location.href, arguments[0])", f"tab {number}")
        admin.driver.switch_to.window(admin.driver.window_handles[-1])
        admin.heading("in-many-tabs")
    others = [tab for tab in admin.driver.window_handles if tab != here]
    for tab in others:
        admin.driver.switch_to.window(tab)
        admin.driver.close()
    admin.driver.switch_to.window(here)
    installation.muster.run("job", "cancel", job)

    # The first tab let go of its connection while others were looked at, and has it again.
    admin.waits_for(lambda: admin.count("waiting") == 0, "that it is cancelled")
