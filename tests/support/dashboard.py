"""What a person does on the dashboard in several tests."""

from __future__ import annotations

import os

from selenium.webdriver.common.by import By

from tests.support.apps import device_ids
from tests.support.browser import Browser
from tests.support.checkout import ROOT

# The file as a drop hands it over: the browser's own drag cannot begin outside of it.
_DROP = """
const [zone, name, text] = arguments;
const data = new DataTransfer();
data.items.add(new File([text], name, {type: "text/csv"}));
for (const kind of ["dragenter", "dragover", "drop"])
  zone.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));
"""


def a_list(first: int, last: int, *more: str) -> str:
    return "\n".join(["Device ID", *device_ids(600)[first:last], *more])


def pictured(browser: Browser, name: str) -> None:
    """Keep what is seen for the documents, where they are being made anew."""
    if os.environ.get("MUSTER_TEST_PICTURES") == "write":
        browser.picture(ROOT / "docs" / "images" / f"{name}.png")


def drop(browser: Browser, name: str, text: str) -> None:
    browser.open("/jobs/new")
    browser.run(_DROP, browser.driver.find_element(By.CSS_SELECTOR, "[data-drop]"), name, text)


def choose(browser: Browser, action: str) -> None:
    """Press until it is chosen: a verdict that comes just then moves the choices, and the click meets what is there."""

    def is_chosen() -> bool:
        browser.press(lambda: browser.choice(action))
        return browser.choice(action).is_selected()

    browser.waits_for(is_chosen, f"{action}, chosen")


def submit(browser: Browser, name: str, text: str, action: str = "Refresh user policy") -> str:
    """Submit by drop; the id of the job whose page is shown then."""
    drop(browser, f"{name}.csv", text)
    choose(browser, action)
    browser.press(lambda: browser.button("Start job on"))
    browser.heading(f"{name}.csv")
    return browser.driver.current_url.rpartition("/")[2]
