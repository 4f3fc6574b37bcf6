"""The filters of the list of jobs as chips: each is a link, so they live in the address; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.domain.action import parse_action
from orchestrator.domain.job_filter import WITH_FAILURES
from orchestrator.web.addresses import query
from orchestrator.web.job_filters import PERIODS, night_of

_UNDER_WAY = "queued,running,pausing,cancelling"
_NAMES = {
    "status": "Status",
    "action": "Action",
    "tenant": "Tenant",
    "who": "Created by",
    "schedule": "Schedule",
    "search": "Text",
    "from": "From",
    "to": "Until",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """One chip; a set one takes its filter away again."""

    words: str
    where: str
    is_set: bool
    count: int | None = None


def chips_of(fields: Mapping[str, str], me: str, *, urgent: int, is_attention: bool) -> list[Chip]:
    """The filters that are set, then those that are offered."""
    return [*_set(fields, me), *_offered(fields, me, urgent=urgent, is_attention=is_attention)]


def _set(fields: Mapping[str, str], me: str) -> Iterator[Chip]:
    if morning := night_of(fields["when"]):
        yield Chip(f"Night to {morning.day} {morning:%b}", _where({**fields, "when": ""}), is_set=True)
    for name, label in _NAMES.items():
        value = fields[name]
        if not value or (name, value) in _offers(me):
            continue
        action = parse_action(value) if name == "action" else None
        yield Chip(f"{label}: {action.label if action else value}", _where({**fields, name: ""}), is_set=True)


def _offered(fields: Mapping[str, str], me: str, *, urgent: int, is_attention: bool) -> Iterator[Chip]:
    yield Chip(
        "Needs attention",
        _where(fields) if is_attention else _where({"attention": "true"}),
        is_set=is_attention,
        count=urgent,
    )
    for (name, value), words in _offers(me).items():
        is_set = fields[name] == value
        # A time and two dates would be two answers to one question.
        others = {"from": "", "to": ""} if name == "when" else {}
        yield Chip(words, _where({**fields, **others, name: "" if is_set else value}), is_set=is_set)


def _offers(me: str) -> dict[tuple[str, str], str]:
    return {
        ("status", _UNDER_WAY): "Under way",
        **{("when", name): words for name, words in PERIODS.items()},
        ("status", WITH_FAILURES): "With failures",
        ("status", "stopped,paused"): "Stopped or paused",
        ("who", me): "Mine",
    }


def _where(fields: Mapping[str, str]) -> str:
    return f"/jobs{query(**fields)}"
