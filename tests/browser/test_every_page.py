"""Each page as a screen reader, a phone and a network see it."""

from __future__ import annotations

from pathlib import Path

from tests.browser.conftest import Installation
from tests.support.browser import Browser
from tests.support.dashboard import a_list, pictured, submit

AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")

_AXE_RUN = """
const [context, done] = arguments;
axe.run(context, {resultTypes: ["violations"], selectors: false, preload: false}).then((found) => done(
  found.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).slice(0, 3).join(" ")}`)));
"""

# The navigation is one template: on two pages axe looks at all, on the others at what only they have.
_WHOLE_TO_AXE = ("/", "/sign-in")

_FRAME = (".side", ".topbar", ".tabs")

_LOOKS = {"wide": (1280, False), "phone": (390, True)}
"""Width of the window in pixels, and whether its reader prefers the dark."""

_ORDER = ("--list", "fleet", "--action", "refreshUserPolicy")


def violations(browser: Browser, page: str) -> list[str]:
    """What axe finds on this page as it is seen now, by all of its rules."""
    if not browser.run("return 'axe' in window"):
        browser.run(AXE)
    left_out = [] if page in _WHOLE_TO_AXE else [[each] for each in _FRAME]
    found: list[str] = browser.driver.execute_async_script(_AXE_RUN, {"exclude": left_out})
    return found


def test_nothing_stands_in_the_way_of_a_screen_reader_and_nothing_is_cut_off(
    admin: Browser, installation: Installation
) -> None:
    job = submit(admin, "for-all", a_list(10, 40))
    admin.sees("Finished")
    kept = (("list", "import", "fleet", "-"), ("schedule", "add", "nightly", "--cron", "0 2 * * *", *_ORDER))
    for command in kept:
        installation.muster.run(*command, stdin=a_list(10, 40).encode())
    found: dict[str, list[str]] = {}
    asked: set[str] = set()
    looks = [*_LOOKS]
    selecting = f"/jobs/{job}?sort=line"
    names = {"/": "overview", "/jobs": "jobs", f"/jobs/{job}": "job"}

    def look_at(page: str) -> None:
        # Each page is loaded as the one before was seen last, one half as a phone.
        looks.reverse()
        asked.update(admin.run("return performance.getEntries().map((each) => each.name)"))
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
    # The browser finds no other host either: what asked for one would be among its complaints.
    addresses = {each for each in asked if ":" in each}
    assert len(addresses) > 5
    assert {url for url in addresses if not url.startswith((installation.url, "data:"))} == set()
