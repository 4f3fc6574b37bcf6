"""The options of `schedule add` and `schedule change`, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource

from orchestrator.cli.spelled import Spelled
from orchestrator.cli.submission import (
    MATCH_OPTIONS,
    REQUEST_OPTIONS,
    SELECTION_OPTIONS,
    TENANT,
    chosen_tenant,
    selection_of,
)
from orchestrator.domain.action import Action
from orchestrator.domain.circuit_breaker import BrakeOptions
from orchestrator.domain.device import Via
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.job import Priority
from orchestrator.domain.schedule import TOLERATED_PERCENT, Order, Overlap, Rules, parse_until

if TYPE_CHECKING:
    from orchestrator.domain.blackout import Blackout
    from orchestrator.domain.schedule_change import ScheduleChange
    from orchestrator.domain.selection import Selection
    from orchestrator.settings import Settings
    from orchestrator.usecases.schedules.add_schedule import NewSchedule

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """A schedule as the options of the command line state it."""

    name: str
    action: str
    list_name: str | None = None
    group: str | None = None
    device: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    match: str = "auto"
    prefer: str | None = None
    stale_ok: bool = False
    cron: str | None = None
    every: str | None = None
    at: str | None = None
    timezone: str = "UTC"
    via: str = Via.MANAGED_DEVICES.value
    tenant: str | None = None
    priority: str = Priority.NORMAL.value
    job_name: str | None = None
    reason: str | None = None
    start_within: str = "1h"
    overlap: str = Overlap.SKIP.value
    until: str | None = None
    carry_over: bool = False
    jitter: str = "0s"
    tolerate: int = TOLERATED_PERCENT
    blackout: tuple[str, ...] = ()
    blackout_file: tuple[Path, ...] = ()
    notify: tuple[str, ...] = ()
    canary: int = 0
    brake_share: int = BrakeOptions().share
    brake_sample: int = BrakeOptions().sample

    def new(self, settings: Settings) -> NewSchedule:
        """The schedule that is asked for; every part of it is checked here and now."""
        from orchestrator.domain.recurrence import parse_span, recurrence_of
        from orchestrator.usecases.schedules.add_schedule import NewSchedule

        now = datetime.now(UTC)
        return NewSchedule(
            name=self.name,
            recurrence=recurrence_of(self.cron, self.every, self.at, self.timezone, now=now),
            order=Order(
                action=Action(self.action),
                via=Via(self.via),
                tenant=chosen_tenant(settings, self.tenant),
                list_name=self.list_name or "",
                source=self.source(),
                priority=Priority(self.priority),
                name=self.job_name,
                reason=self.reason,
                brake=BrakeOptions(self.brake_share, self.brake_sample),
                canary=self.canary,
            ),
            rules=Rules(
                start_within=parse_span(self.start_within),
                overlap=Overlap(self.overlap),
                until=None if self.until is None else parse_until(self.until),
                carry_over=self.carry_over,
                jitter=parse_span(self.jitter),
                tolerate=self.tolerate,
            ),
            channels=self.notify,
            blackouts=tuple(blackouts_of(self.blackout, self.blackout_file, now=now)),
        )

    def source(self) -> Selection | None:
        """The selection that each run expands anew; None where a saved list is named. A usage error for neither."""
        given = {
            "--list NAME": self.list_name is not None,
            "--group NAME": self.group is not None,
            "--device NAME": bool(self.device),
            "--where CONDITION": bool(self.where),
        }
        if sum(given.values()) != 1:
            several = " Several were given." if any(given.values()) else ""
            raise click.UsageError(f"Name the devices in one way: {', '.join(given)}.{several}")
        if self.list_name is not None:
            return None
        return selection_of(
            self.device,
            self.where,
            None,
            self.group,
            match=self.match,
            prefer=self.prefer,
            stale_ok=self.stale_ok,
        )


def blackouts_of(texts: tuple[str, ...], files: tuple[Path, ...], *, now: datetime) -> list[Blackout]:
    """The blackouts that are named, and those in calendar files."""
    from orchestrator.domain.blackout import parse_blackout

    found = [parse_blackout(text) for text in texts]
    for file in files:
        from orchestrator.intake.calendar_file import read_calendar

        try:
            content = file.read_bytes()
        except OSError as problem:
            raise RequestRejected(f"{file} cannot be read: {problem.strerror}.") from problem
        found += read_calendar(content, now=now, name=file.name)
    return found


def schedule_options(command: F) -> F:
    """The name and every option of `schedule add`."""
    for option in reversed(
        (*RECURRENCE_OPTIONS, TENANT, *REQUEST_OPTIONS, *SELECTION_OPTIONS, *MATCH_OPTIONS, *_RULES, *_OTHERS)
    ):
        command = option(command)
    return command


class OnlyGiven(click.Command):
    """A command whose options stand for nothing unless they are written."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        for parameter in self.params:
            if isinstance(parameter, click.Option):
                parameter.required = parameter.show_default = False


def change_options(command: F) -> F:
    """Every option of `schedule add` that can be changed; blackouts have commands of their own."""
    for option in reversed(
        (*RECURRENCE_OPTIONS, TENANT, *REQUEST_OPTIONS, *SELECTION_OPTIONS, *MATCH_OPTIONS, *_RULES)
    ):
        command = option(command)
    return command


def written_change(options: dict[str, Any]) -> ScheduleChange:
    """Returns the change of a schedule: the options that were typed, and no default."""
    context = click.get_current_context()
    given = {name: each for name, each in options.items() if _is_written(context, name)}
    for name, kind in {"action": Action, "via": Via, "priority": Priority, "overlap": Overlap}.items():
        if name in given:
            given[name] = kind(given[name])
    for name in given.keys() & {"until", "job_name", "reason"}:
        if given[name].casefold() == NONE:
            given[name] = None
    if given.get("notify") == (NONE,):
        given["notify"] = ()
    selected = {name: given.pop(name) for name in _SELECTION if name in given}
    if selected:
        given["source"] = ScheduleOptions(
            name="", action="", list_name=given.pop("list_name", None), **selected
        ).source()
    return cast("ScheduleChange", given)


def _is_written(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


_SELECTION = ("group", "device", "where", "match", "prefer", "stale_ok")

NONE = "none"
"""What takes a thing away: an empty word would be lost on its way through some shells."""

RECURRENCE_OPTIONS = (
    click.option("--cron", metavar="EXPR", help="Five fields, such as '0 2 * * *' for two o'clock every night."),
    click.option("--every", metavar="SPAN", help="Every so often, such as 6h, counted from now."),
    click.option("--at", metavar="TIME", help="Once, such as 2026-12-01T02:00."),
    click.option(
        "--timezone",
        metavar="ZONE",
        default="UTC",
        show_default=True,
        help="Whose wall clock it follows, such as Europe/Berlin.",
    ),
)
_RULES = (
    click.option("--name", "job_name", metavar="TEXT", help="A name for its jobs."),
    click.option("--jitter", metavar="SPAN", default="0s", help="Start up to so much later, by chance."),
    click.option(
        "--start-within",
        metavar="SPAN",
        default="1h",
        show_default=True,
        help="Nobody was up? Start no later than this, or not at all.",
    ),
    click.option(
        "--overlap",
        type=Spelled(each.value for each in Overlap),
        default=Overlap.SKIP.value,
        show_default=True,
        help="The last job still runs? Skip this run, queue it, or cancel the old job.",
    ),
    click.option("--until", metavar="HH:MM", help="Local time after which no call starts."),
    click.option("--carry-over/--no-carry-over", help="What a window left is called first next time."),
    click.option(
        "--tolerate",
        type=click.IntRange(0, 100),
        metavar="PERCENT",
        default=TOLERATED_PERCENT,
        show_default=True,
        help="A job of which more devices fail needs attention (`muster status`).",
    ),
    click.option("--notify", metavar="CHANNEL", multiple=True, help="Tell this channel too (`muster notify list`)."),
)
_OTHERS = (
    click.option("--blackout", metavar="DATES", multiple=True, help="2026-12-24, or 2026-12-24..2027-01-02."),
    click.option(
        "--blackout-file",
        type=click.Path(path_type=Path),
        multiple=True,
        help="An iCalendar file whose events are blackouts.",
    ),
    click.option("--yes", "-y", is_flag=True, expose_value=False, help="Nothing is asked; taken as submit takes it."),
)
