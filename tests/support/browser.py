"""Debian's chromium, driven as a person would use it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.support.costs import counted_while_it_runs
from tests.support.waiting import PATIENCE

T = TypeVar("T")

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_GIVEN_UP = ("htmx:sendAbort", "htmx:afterRequest")
_QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-GB",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    # An icon that turns is painted sixty times a second, without a graphics card.
    "--force-prefers-reduced-motion",
)
# A change may come just before this begins to watch, or be none of the document, such as a typed text: not for ever.
_NEXT_CHANGE = """
const done = arguments[0];
const watcher = new MutationObserver(end);
const timer = setTimeout(end, 250);
function end() { watcher.disconnect(); clearTimeout(timer); done(); }
watcher.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
"""


def why_not() -> str | None:
    """Why there is no browser to test with, None where there is one."""
    if _program() is None:
        return f"no browser: none of {', '.join(_PROGRAMS)} is here (Debian: apt-get install chromium chromium-driver)"
    if shutil.which("chromedriver") is None:
        return "no chromedriver is here (Debian: apt-get install chromium-driver)"
    return None


@contextmanager
def open_browser(profile: Path, *, downloads: Path) -> Iterator[Browser]:
    """A browser with an empty profile, gone after the block."""
    options = webdriver.ChromeOptions()
    options.binary_location = _program() or ""
    for each in (*_QUIET, f"--user-data-dir={profile}"):
        options.add_argument(each)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    with counted_while_it_runs(service.process.pid, driver.quit):
        yield Browser(driver)


class Browser:
    """What a person sees and does; everything waits until it is there."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.base = ""
        self.look()

    def look(self, *, width: int = 1280, height: int = 860, dark: bool = False) -> None:
        """Through a window of this size, in the light or in the dark."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, path: str) -> None:
        """Go to a page."""
        self.driver.get(self.base + path)

    def sign_in(self, key: str) -> None:
        """With a key, as nobody that was here before."""
        self.driver.delete_all_cookies()
        self.open("/sign-in")
        self.driver.find_element(By.ID, "key").send_keys(key)
        self.button("Sign in").click()
        self.heading("Running now")

    def enter(self, cookies: dict[str, str]) -> None:
        """With these cookies alone, as somebody who signed in before."""
        self.driver.delete_all_cookies()
        given = [{"name": name, "value": value, "url": self.base} for name, value in cookies.items()]
        self.driver.execute_cdp_cmd("Network.setCookies", {"cookies": given})

    def cookies(self) -> dict[str, str]:
        """Those of the page, by name."""
        return {each["name"]: each["value"] for each in self.driver.get_cookies()}

    def element(self, xpath: str) -> WebElement:
        """The one that can be seen."""
        return self._until(lambda: next(each for each in self._all(xpath) if each.is_displayed()), xpath)

    def heading(self, text: str) -> WebElement:
        """A heading with this text."""
        return self.element(f"//*[self::h1 or self::h2 or self::h3][contains(normalize-space(), {_quoted(text)})]")

    def button(self, text: str) -> WebElement:
        """A button that says this."""
        return self.element(f"//button[starts-with(normalize-space(), {_quoted(text)})]")

    def link(self, text: str) -> WebElement:
        """A link that says this."""
        return self.element(f"//a[normalize-space()={_quoted(text)}]")

    def field(self, label: str) -> WebElement:
        """The field with this label that can be seen."""
        path = f"//label[starts-with(normalize-space(), {_quoted(label)})]"

        def fields() -> Iterator[WebElement]:
            for each in self._all(path):
                yield self.driver.find_element(By.ID, each.get_attribute("for") or "")

        return self._until(lambda: next(each for each in fields() if each.is_displayed()), label)

    def choice(self, text: str) -> WebElement:
        """A box or a radio button beside this text, scrolled clear of the bars at the edges of the window."""
        path = f"//label[starts-with(normalize-space(), {_quoted(text)})]//input"
        found = self._until(lambda: next(each for each in self._all(path) if each.is_enabled()), text)
        self.run("arguments[0].scrollIntoView({block: 'center'})", found)
        return found

    def sees(self, text: str) -> None:
        """Wait until this can be read."""
        self._until(lambda: self.text().index(text) + 1, text)

    def press(self, find: Callable[[], WebElement]) -> None:
        """Click an element that an answer from the server may replace, or move below a bar, at any time."""

        def click() -> bool:
            try:
                find().click()
            except ElementClickInterceptedException:
                return False
            return True

        self._until(click, "something to press")

    def text(self) -> str:
        """All that can be read."""
        shown: str = self.driver.execute_script("return document.body.innerText")
        return " ".join(shown.split())

    def count(self, status: str) -> int:
        """How many devices of the job on the page stand so; a count of zero is left out there."""
        self.element("//dl[contains(@class, 'counts')]")
        path = f"//dl[contains(@class, 'counts')]/div[dt[normalize-space()={_quoted(status.capitalize())}]]/dd"
        shown = [each.text for each in self.driver.find_elements(By.XPATH, path)[:1]]
        return int(shown[0].replace(",", "")) if shown else 0

    def waits_for(self, what: Callable[[], T], named: str) -> T:
        """What it says, once it says anything."""
        return self._until(what, named)

    def picture(self, file: Path) -> None:
        """What the window shows, to a file."""
        self.driver.save_screenshot(str(file))

    def complaints(self) -> list[str]:
        """What the browser itself found wrong since it was asked last.

        A request that a newer one took the place of, or the next page, is no complaint.
        """
        written: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call] # selenium's one without types
        messages = [each["message"] for each in written if each["level"] in {"SEVERE", "WARNING"}]
        return [each for each in messages if not any(sign in each for sign in _GIVEN_UP)]

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script on the page answers."""
        return self.driver.execute_script(script, *arguments)

    def _all(self, xpath: str) -> list[WebElement]:
        return self.driver.find_elements(By.XPATH, xpath)

    def _until(self, what: Callable[[], T], named: str) -> T:
        passing = (NoSuchElementException, StaleElementReferenceException, StopIteration, ValueError)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(*passing):
                if seen := what():
                    return seen
            # The page that was to change may be gone; where the browser is, the next look says so.
            with suppress(WebDriverException):
                self.driver.execute_async_script(_NEXT_CHANGE)
        said = f"{self.driver.current_url} says instead: …{self.text()[-600:]}"
        raise TimeoutException(f"not seen: {named}; {said}")


def _program() -> str | None:
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), None)


def _quoted(text: str) -> str:
    assert '"' not in text
    return f'"{text}"'
