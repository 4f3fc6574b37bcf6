"""How a reader wants the pages shown: theme, height of rows, and the clock; remembered in a cookie of the browser."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode
from zoneinfo import ZoneInfo

from fastapi import Request, Response

from orchestrator.domain.errors import UnknownZone
from orchestrator.domain.zones import zone_of
from orchestrator.web.session import set_cookie

COOKIE = "muster-display"
BROWSER_ZONE_COOKIE = "muster-zone"
"""Set by muster.js: the zone of the browser, which the server needs to draw a time axis."""

_THEMES = ("light", "dark")
_ROWS = ("compact",)
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Display:
    """The display settings of a reader; empty means the system's theme, 40-pixel rows, the browser's zone."""

    theme: str = ""
    rows: str = ""
    zone: str = ""
    browser_zone: str = ""

    @property
    def clock(self) -> ZoneInfo:
        """The zone that times are drawn in: the chosen one, else the browser's, else UTC."""
        return zone_of(self.zone or self.browser_zone or "UTC")


def display_of(request: Request) -> Display:
    """Reads the display settings from the cookies; an invalid value counts as the default."""
    chosen = dict(parse_qsl(unquote(request.cookies.get(COOKIE, ""))))
    return Display(
        theme=_one_of(_THEMES, chosen.get("theme", "")),
        rows=_one_of(_ROWS, chosen.get("rows", "")),
        zone=zone_name(chosen.get("zone", "")),
        browser_zone=zone_name(unquote(request.cookies.get(BROWSER_ZONE_COOKIE, ""))),
    )


def remember_display(response: Response, request: Request, *, theme: str, rows: str, zone: str) -> None:
    """Let the browser send these choices from now on; a value that the page does not offer becomes the default."""
    chosen = {"theme": _one_of(_THEMES, theme), "rows": _one_of(_ROWS, rows), "zone": zone_name(zone)}
    value = quote(urlencode({name: text for name, text in chosen.items() if text}))
    set_cookie(response, request, COOKIE, value, max_age=_YEAR)


def zone_name(given: str) -> str:
    """The IANA name of the zone that is meant; empty where there is none."""
    if not given.strip():
        return ""
    try:
        return zone_of(given.strip()).key
    except UnknownZone:
        return ""


def _one_of(known: tuple[str, ...], given: str) -> str:
    return given if given in known else ""
