"""The channels for notifications: general ones by variables, any number of others by tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.domain.notice_kinds import ChannelKind, Event
from orchestrator.domain.secret import SecretText
from orchestrator.settings import values
from orchestrator.settings.places import Given, Place, Table
from orchestrator.settings.reading import Reading
from orchestrator.settings.tree import BY_DEFAULT, ChannelSettings, SmtpSettings

GENERAL_CHANNELS = ("notify_webhook", "notify_teams", "notify_slack", "notify_email")
GENERAL_NOTIFY = (*GENERAL_CHANNELS, "notify_webhook_secret", "notify_on", "smtp_url", "smtp_from", "public_url")
CHANNEL = ("kind", "url", "secret", "to", "on", "general")

_TOLD: frozenset[Event] = frozenset(event for event in Event if event is not Event.TEST)


def read_channels(
    reading: Reading, tables: Mapping[str, Mapping[str, Any]], file: Path | None
) -> dict[str, ChannelSettings]:
    """Every channel by its name; the general ones are called as their kind."""
    on = reading.read("notify_on", events, _TOLD, nothing="")
    found: dict[str, ChannelSettings] = {}
    for name in GENERAL_CHANNELS:
        kind = ChannelKind(name.removeprefix("notify_"))
        given = _hidden(reading, name)
        secret = _hidden(reading, "notify_webhook_secret") if kind is ChannelKind.WEBHOOK else None
        if given is not None:
            found[kind.value] = _channel(kind.value, kind, given, secret, on, is_general=True)
    for name, table in tables.items():
        if file is not None:
            found[name] = _of_table(name, Table(table, f"notify.{name}.", file), on)
    return found


def read_smtp(reading: Reading, channels: Mapping[str, ChannelSettings]) -> SmtpSettings | None:
    """The way to send e-mail; SettingsInvalid where a channel needs it and it is not set."""
    given = _hidden(reading, "smtp_url")
    sender = reading.read("smtp_from", address, None)
    needed = next((each for each in channels.values() if each.kind is ChannelKind.EMAIL), None)
    if given is None or sender is None:
        if needed is not None:
            raise SettingsInvalid(
                f"Channel {needed.name!r} sends e-mail: set MUSTER_SMTP_URL (smtp://USER:PASSWORD@HOST:587) and "
                "MUSTER_SMTP_FROM."
            )
        return None
    return _smtp(given, sender)


def events(given: Given) -> frozenset[Event]:
    """The events between the commas."""
    words = [word.strip().casefold() for word in given.text.split(",") if word.strip()]
    known = {event.value: event for event in _TOLD}
    for word in words:
        if word not in known:
            raise given.refused(f"is {given.text!r}; it takes some of {', '.join(sorted(known))}")
    return frozenset(known[word] for word in words)


def address(given: Given) -> str:
    """One e-mail address."""
    text = given.text.strip()
    if not re.fullmatch(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+", text):
        raise given.refused(f"is {given.text!r}; it takes an e-mail address")
    return text


def channel_tables(entries: Mapping[str, Any], file: Path | None) -> Mapping[str, Mapping[str, Any]]:
    """The tables [notify.NAME] of the settings file."""
    tables = entries.get("notify", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise SettingsInvalid(f"notify (from {file}) holds no tables; write [notify.NAME] above each one's entries.")
    for name in tables:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise SettingsInvalid(f"[notify.{name}] (from {file}) is no name for a channel.")
    return tables


def _of_table(name: str, table: Place, on: frozenset[Event]) -> ChannelSettings:
    kind_given = table.find("kind")
    if kind_given is None:
        raise SettingsInvalid(f"notify.{name} has no kind; it takes one of {', '.join(ChannelKind)}.")
    kind = ChannelKind(values.one_of(*(each.value for each in ChannelKind))(kind_given))
    given = table.find("to" if kind is ChannelKind.EMAIL else "url")
    if given is None:
        needed = "to" if kind is ChannelKind.EMAIL else "url"
        raise SettingsInvalid(f"notify.{name} has no {needed}, which a channel of kind {kind} needs.")
    general, own = table.find("general"), table.find("on")
    return _channel(
        name,
        kind,
        given,
        table.find("secret"),
        on if own is None else events(own),
        is_general=general is not None and values.switch(general),
    )


def _channel(
    name: str, kind: ChannelKind, given: Given, secret: Given | None, on: frozenset[Event], *, is_general: bool
) -> ChannelSettings:
    if kind is ChannelKind.EMAIL:
        return ChannelSettings(name, kind, on, is_general, recipients=_recipients(given))
    url = SecretText(_url(given))
    return ChannelSettings(name, kind, on, is_general, url, None if secret is None else SecretText(secret.text.strip()))


def _recipients(given: Given) -> tuple[str, ...]:
    parts = [part.strip() for part in given.text.replace(";", ",").split(",") if part.strip()]
    if not parts:
        raise given.refused("has no address; it takes e-mail addresses with commas between")
    return tuple(address(Given(part, given.name, given.where, given.folder)) for part in parts)


def _url(given: Given) -> str:
    text = given.text.strip()
    parts = urlsplit(text)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and values.is_loopback(parts.hostname or ""))
    # The address itself is what lets one in, so it is not repeated here.
    if not is_safe or not parts.hostname or not text.isprintable() or " " in text:
        raise given.refused("is no address for notifications; it takes https://…, or http:// on this machine")
    return text


def _smtp(given: Given, sender: str) -> SmtpSettings:
    takes = "it takes smtp://USER:PASSWORD@HOST:587, smtps://…:465, or smtp://HOST:25 without a name"
    parts = urlsplit(given.text.strip())
    try:
        port = parts.port
    except ValueError:
        raise given.refused(f"has no port that can be; {takes}") from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise given.refused(f"is no mail server; {takes}")
    is_wrapped = parts.scheme == "smtps"
    return SmtpSettings(
        host=parts.hostname,
        port=port or (465 if is_wrapped else 587),
        is_wrapped=is_wrapped,
        user=_unquoted(parts.username),
        password=None if parts.password is None else SecretText(_unquoted(parts.password) or ""),
        sender=sender,
    )


def _unquoted(text: str | None) -> str | None:
    return None if text is None else unquote(text)


def _hidden(reading: Reading, name: str) -> Given | None:
    """The setting, of which people only see that it is set."""
    found = next((given for place in reading.places if (given := place.find(name)) is not None), None)
    reading.show(name, "" if found is None else "set", BY_DEFAULT if found is None else found.source)
    return found
