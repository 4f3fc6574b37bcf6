"""Parsers of settings: text to value, or the error that says what the setting takes; pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import SplitResult, urlsplit

from orchestrator.domain.errors import ScheduleInvalid
from orchestrator.domain.lane import Cloud, WriteLimit, parse_write_limit
from orchestrator.domain.spans import parse_span
from orchestrator.settings.places import Given

if TYPE_CHECKING:
    from orchestrator.domain.recurrence import Cron

T = TypeVar("T", bound=str)


def integer(low: int, high: int) -> Callable[[Given], int]:
    """A number between these."""

    def parse(given: Given) -> int:
        digits = given.text.strip().replace("_", "")
        if not re.fullmatch(r"\d{1,18}", digits, re.ASCII) or not low <= int(digits) <= high:
            raise given.refused(f"is {given.text!r}; it takes a whole number from {low:,} to {high:,}")
        return int(digits)

    return parse


def span_of_time(given: Given) -> timedelta:
    """A span such as `7d`, `12h` or `1d12h`, above zero."""
    try:
        span = parse_span(given.text)
    except ScheduleInvalid:
        span = timedelta()
    if not span:
        raise given.refused(f"is {given.text!r}; write a number with d, h, m or s, such as 7d")
    return span


def one_of(*words: T) -> Callable[[Given], T]:
    """One of these words in any letter case."""

    def parse(given: Given) -> T:
        for word in words:
            if given.text.strip().casefold() == word:
                return word
        raise given.refused(f"is {given.text!r}; it takes one of {', '.join(words)}")

    return parse


def networks(given: Given) -> tuple[str, ...]:
    """Addresses and networks between commas."""
    words = [word.strip() for word in given.text.split(",") if word.strip()]
    try:
        return tuple(str(ipaddress.ip_network(word)).removesuffix("/32").removesuffix("/128") for word in words)
    except ValueError as error:
        raise given.refused(f"is {given.text!r}; it takes addresses and networks between commas: {error}") from error


def cloud(given: Given) -> Cloud:
    """Parses the name of a national cloud."""
    return Cloud(one_of(*(each.value for each in Cloud))(given))


def switch(given: Given) -> bool:
    """Parses yes or no; RequestRejected for any other text."""
    return _SWITCHES[one_of(*_SWITCHES)(given)]


def identity(given: Given) -> bool | str:
    """Yes, no, or the client id of an identity that was assigned."""
    text = given.text.strip()
    if text.casefold() in _SWITCHES:
        return _SWITCHES[text.casefold()]
    if _GUID.fullmatch(text):
        return text.lower()
    raise given.refused(
        f"is {given.text!r}; it takes true (the machine's own identity) or the client id of an assigned one"
    )


def directory_name(given: Given) -> str:
    """A client id, or the name of a directory: nothing that could leave its place in a URL."""
    text = given.text.strip().removeprefix("{").removesuffix("}")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", text):
        raise given.refused(f"is {given.text!r}; it takes the GUID that the app registration's overview shows")
    # Tokens name themselves in lower case.
    return text.lower() if _GUID.fullmatch(text) else text


def directory(given: Given) -> str:
    """A tenant id: the GUID of the directory, or one of its verified domains."""
    name = directory_name(given)
    if not _GUID.fullmatch(name) and "." not in name:
        raise given.refused(
            f"is {given.text!r}; it takes the directory (tenant) id, which is a GUID, or a verified domain such as "
            "contoso.onmicrosoft.com"
        )
    return name


def path(given: Given) -> Path:
    """A file, seen from the folder of the settings file where that names it."""
    if "-----BEGIN" in given.text:
        raise given.refused("holds a certificate itself; it takes the path of a PEM or PFX file")
    text = given.text.strip()
    if not text.isprintable():
        raise given.refused(
            "has control characters in it: in double quotes a backslash begins an escape, so write a path in single "
            "quotes ('C:\\Folder\\file.pem'), or with forward slashes"
        )
    return given.folder / Path(text).expanduser()


def write_limit(given: Given) -> WriteLimit | None:
    """Writes per window, or none."""
    try:
        return parse_write_limit(given.text)
    except ValueError:
        raise given.refused(f"is {given.text!r}; it takes calls/seconds like 200/20s, or none") from None


def day(given: Given) -> date:
    """Parses a date (YYYY-MM-DD)."""
    try:
        return date.fromisoformat(given.text.strip())
    except ValueError:
        raise given.refused(f"is {given.text!r}; it takes a day such as 2027-01-31") from None


def inventory_refresh(given: Given) -> Cron:
    """When an inventory is refreshed by itself: five fields of cron, in UTC."""
    # Only installations that set it wait for the library behind it.
    from orchestrator.domain.recurrence import parse_cron  # noqa: PLC0415

    try:
        return parse_cron(given.text, "UTC", now=datetime.now(UTC))
    except ScheduleInvalid as problem:
        raise given.refused(f"is no time to refresh at: {problem}") from None


def database_url(given: Given) -> str:
    """A SQLite file or a PostgreSQL database."""
    text = given.text.strip()
    scheme, divided, _ = text.partition("://")
    if not divided or scheme.partition("+")[0] not in {"sqlite", "postgresql", "postgres"}:
        raise given.refused(
            "does not name a database; it takes sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    # libpq and most providers write this form; SQLAlchemy knows the long name only.
    return text.replace("postgres://", "postgresql://", 1) if scheme == "postgres" else text


def broker_url(given: Given) -> str:
    """Parses the address of a Redis."""
    parts = _split(given, "redis://HOST:PORT/NUMBER or rediss://…")
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise given.refused("is no broker that Muster speaks to; it takes redis://HOST:PORT/NUMBER or rediss://…")
    return given.text.strip()


def graph_url(given: Given) -> str:
    """The root of a Graph; a token travels there, so the way must be encrypted or stay on this machine."""
    takes = "https://HOST, or http:// on this machine (127.0.0.1, localhost)"
    url = _safe_url(given, takes)
    if urlsplit(url).path.rstrip("/").endswith(("/beta", "/v1.0")):
        raise given.refused("ends with a version; it takes the root, such as https://graph.microsoft.com")
    return url


def authority(given: Given) -> str:
    """The root of a sign-in authority; the tenant id is appended."""
    takes = "https://HOST[:PORT] without a path: the tenant id is appended"
    url = _safe_url(given, takes)
    if urlsplit(url).path:
        raise given.refused(f"has a path; it takes {takes}")
    return url


def address(given: Given) -> tuple[str, int]:
    """Where to listen: a port of this machine alone, or an address with a port."""
    host, _, port = given.text.strip().rpartition(":")
    if not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not 0 < int(port) < 65536:
        raise given.refused(f"is {given.text!r}; it takes PORT, or ADDRESS:PORT such as 0.0.0.0:9464")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def log_level(given: Given) -> str:
    """How much is logged."""
    return one_of("debug", "info", "warning", "error", "critical")(given)


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    hidden = re.sub(r"(://[^/?#@]*?:)[^/?#]*@", r"\1***@", url)
    return re.sub(r"([?&](?:password|sslpassword|passfile)=)[^&#]*", r"\1***", hidden, flags=re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _safe_url(given: Given, takes: str) -> str:
    if _BARE_HOST.fullmatch(given.text.strip()) and not is_loopback(given.text.strip().partition(":")[0]):
        given = replace(given, text=f"https://{given.text.strip()}")
    parts = _split(given, takes)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not is_safe or not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise given.refused(f"is {without_password(given.text.strip())!r}; it takes {takes}")
    return given.text.strip().rstrip("/")


def _split(given: Given, takes: str) -> SplitResult:
    text = given.text.strip()
    try:
        parts = urlsplit(text)
        # Asked for here, because a bad port is only found when it is read.
        _ = parts.port
    except ValueError:
        raise given.refused(f"is no URL; it takes {takes}") from None
    if not text.isprintable() or " " in text:
        raise given.refused(f"is no URL; it takes {takes}")
    return parts


_SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_BARE_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d{1,5})?/?")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
