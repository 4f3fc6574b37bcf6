"""The sentence of the overview, and where the one action of each item is done; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from orchestrator.domain.attention import AttentionItem, AttentionKind, RemedyKind, Severity

_JOB_WITH_NAME = re.compile(r"^Job [a-z0-9]+ \((?P<name>.+?)\)(?= )")
_TIME_OF_RUN = re.compile(r" of \d{4}-\d\d-\d\d \d\d:\d\d UTC(?= did not start)")
_END_OF_FACT = re.compile(r"[.:;] (?=.)")
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def verdict(items: Sequence[AttentionItem]) -> tuple[str, str, str]:
    """Whether everything is fine, as (kind, what needs a person now, what can wait)."""
    urgent = sum(item.severity is Severity.CRITICAL for item in items)
    later = len(items) - urgent
    if not items:
        return "good", "Everything is fine.", ""
    if not urgent:
        return "doubt", "Nothing is urgent,", f"{_things(later)} can wait."
    needs = "needs" if urgent == 1 else "need"
    if not later:
        return "bad", f"{_things(urgent).capitalize()} {needs} you.", ""
    return "bad", f"{_things(urgent).capitalize()} {needs} you,", f"{_count(later)} more can wait."


def sentence_of(item: AttentionItem) -> str:
    """Returns the sentence of an attention item, with the name of its job where there is one."""
    named = _JOB_WITH_NAME.sub(lambda found: found["name"], item.sentence, count=1)
    # Its time stands beside it by the reader's clock.
    return _TIME_OF_RUN.sub("", named, count=1) if item.kind is AttentionKind.RUN_MISSED else named


def title_and_detail(item: AttentionItem) -> tuple[str, str]:
    """Returns the sentence in two: the fact, and the rest of it, which may be empty."""
    sentence, named = sentence_of(item), _JOB_WITH_NAME.match(item.sentence)
    # A name may hold the same signs.
    found = _END_OF_FACT.search(sentence, len(named["name"]) if named else 0)
    if found is None:
        return sentence.removesuffix("."), ""
    detail = sentence[found.end() :]
    return sentence[: found.start()], detail[0].upper() + detail[1:]


def place_of(item: AttentionItem) -> str:
    """The address at which the action of an item is done; its hash opens the dialog there."""
    subject = quote(item.subject, safe="")
    return _PLACES[item.remedy.kind].format(subject=subject)


def sign_of_kind(kind: AttentionKind) -> str:
    """The icon of an item."""
    return _SIGNS.get(kind, "circle-alert")


def _things(count: int) -> str:
    return f"{_count(count)} thing{'' if count == 1 else 's'}"


def _count(count: int) -> str:
    return _WORDS[count] if count < len(_WORDS) else f"{count:,}"


_SIGNS = {
    AttentionKind.EMERGENCY_STOP: "octagon-x",
    AttentionKind.NO_WORKER: "triangle-alert",
    AttentionKind.JOB_FAILED: "circle-x",
    AttentionKind.JOB_WAITS: "circle-pause",
    AttentionKind.RUN_MISSED: "clock-alert",
    AttentionKind.SCHEDULE_SET_ASIDE: "calendar-clock",
    AttentionKind.SCHEDULE_LACKS_LIST: "calendar-clock",
    AttentionKind.CREDENTIAL_ENDS: "shield-alert",
    AttentionKind.INVENTORY_STALE: "database",
    AttentionKind.INVENTORY_WAITS: "database",
}
_PLACES = {
    RemedyKind.LIFT_STOP: "/halt",
    RemedyKind.START_WORKER: "/health",
    RemedyKind.START_CLOCK: "/health",
    RemedyKind.RESUME_JOB: "/jobs/{subject}#resume",
    RemedyKind.RETRY_JOB: "/jobs/{subject}#retry",
    RemedyKind.SHOW_ERRORS: "/jobs/{subject}#errors-title",
    RemedyKind.RUN_SCHEDULE: "/schedules/{subject}#run",
    RemedyKind.RESUME_SCHEDULE: "/schedules/{subject}#resume",
    RemedyKind.CHANGE_SCHEDULE: "/schedules/{subject}/change",
    RemedyKind.RENEW_CREDENTIAL: "/tenants",
    RemedyKind.REFRESH_INVENTORY: "/inventory",
    RemedyKind.ACCEPT_INVENTORY: "/inventory",
}
