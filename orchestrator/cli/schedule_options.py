"""The options of `schedule add` and `schedule change`, and the schedule or the change that they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from orchestrator.cli.option_types import NONE, click_options, with_options
from orchestrator.cli.submission import MATCH_OPTIONS, SELECTION_OPTIONS, chosen_tenant
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.options import declared
from orchestrator.domain.schedule import RECURRENCE_OPTIONS, SCHEDULE_OPTIONS, Order, Rules

if TYPE_CHECKING:
    from orchestrator.domain.blackout import Blackout
    from orchestrator.domain.schedule_change import ScheduleChange
    from orchestrator.domain.selection import Selection
    from orchestrator.settings import Settings
    from orchestrator.usecases.schedules.add_schedule import NewSchedule


def new_schedule(settings: Settings, options: Mapping[str, Any]) -> NewSchedule:
    """The schedule that is asked for; every part of it is checked here and now."""
    from orchestrator.usecases.schedules.add_schedule import NewSchedule

    now = datetime.now(UTC)
    values = {**options, "tenant": chosen_tenant(settings, options["tenant"])}
    blackouts = blackouts_of(options["blackout"], options["blackout_file"], now=now)
    return NewSchedule.of(values, source=source_in(options), blackouts=blackouts, now=now)


def source_in(options: Mapping[str, Any]) -> Selection | None:
    """The selection that each run expands anew; None where a saved list is named. A usage error for neither."""
    from orchestrator.domain.selection import written_selection

    given = {
        "--list NAME": options.get("list_name") is not None,
        "--group NAME": options.get("group") is not None,
        "--device NAME": bool(options.get("device")),
        "--where CONDITION": bool(options.get("where")),
    }
    if sum(given.values()) != 1:
        several = " Several were given." if any(given.values()) else ""
        raise click.UsageError(f"Name the devices in one way: {', '.join(given)}.{several}")
    return None if options.get("list_name") is not None else written_selection(options)


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


class OnlyGiven(click.Command):
    """A command whose options stand for nothing unless they are written."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        for parameter in self.params:
            if isinstance(parameter, click.Option):
                parameter.required = parameter.show_default = False


def written_change(options: dict[str, Any]) -> ScheduleChange:
    """Returns the change of a schedule: the options that were typed, and no default."""
    context = click.get_current_context()
    given = {name: each for name, each in options.items() if _is_written(context, name)}
    for name, value in given.items():
        if isinstance(value, str) and value.casefold() == NONE and name in _REMOVABLE:
            given[name] = None
    if given.get("notify") == (NONE,):
        given["notify"] = ()
    if given.keys() & _SELECTION:
        given["source"] = source_in(given)
        given = {name: value for name, value in given.items() if name not in {"list_name", *_SELECTION}}
    return given


def _is_written(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


_SELECTION = {"group", "device", "where", "match", "prefer", "stale_ok"}
_REMOVABLE = {each.name for each in SCHEDULE_OPTIONS if each.is_optional}

recurrence_options = with_options(*click_options(RECURRENCE_OPTIONS))
"""When a schedule is due."""

_NOTIFY = click.option(
    "--notify", metavar="CHANNEL", multiple=True, help="Tell this channel too (`muster notify list`)."
)
_OTHERS = (
    click.option("--blackout", metavar="DATES", multiple=True, help="2026-12-24, or 2026-12-24..2027-01-02."),
    click.option(
        "--blackout-file",
        type=click.Path(path_type=Path),
        multiple=True,
        help="An iCalendar file whose events are blackouts.",
    ),
    click.option(
        "--yes", "-y", is_flag=True, expose_value=False, help="Accepted as in submit; this command asks no question."
    ),
)

_CHANGEABLE = (
    *click_options((*RECURRENCE_OPTIONS, *declared(Order))),
    *SELECTION_OPTIONS,
    *MATCH_OPTIONS,
    *click_options(declared(Rules)),
    _NOTIFY,
)

schedule_options = with_options(*_CHANGEABLE, *_OTHERS)
"""Every option of `schedule add`."""

change_options = with_options(*_CHANGEABLE)
"""Every option of `schedule add` that can be changed; blackouts have commands of their own."""
