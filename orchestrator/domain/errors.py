"""Everything raised on purpose, in one tree whose branches say what to do next.

MusterError
├── RequestRejected        the caller must change something         exit code 2
│   ├── UnknownJob (IdNotFull), AmbiguousJob, UnknownTenant, UnknownLane, UnknownAttentionItem
│   ├── IllegalMove, IdempotencyConflict
│   ├── NotPermitted (SignInTooOld), UnknownKey, UnknownSession, WrongStatus, ConfirmationOutdated
│   ├── SettingsInvalid
│   ├── UnknownSchedule, UnknownList, UnknownZone, UnknownChannel
│   ├── ScheduleInvalid, ScheduleUnreadable, RowUnreadable, NameTaken, ListNeeded, StillRunning, EmergencyStopped
│   └── IntakeFailed       (with every bad line)
├── TryLater               another system is away                   exit code 4
│   └── StoreUnavailable, QueueUnavailable, SignInUnreachable, GraphUnreachable, SchemaTooNew, NoWorkerRunning,
│       TenantChanged, ReadFailed (ExportHangs)
└── CannotContinue         nothing like this will work              exit code 3
    └── SignInRefused (TokenUnusable: exit code 2), PermissionMissing, ReadRefused
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.domain.line_problem import LineProblem


class MusterError(Exception):
    """The root; its message says what to do."""


class RequestRejected(MusterError):
    """The caller must change something."""


class TryLater(MusterError):
    """Something that is needed cannot be reached or is not set up."""


class CannotContinue(MusterError):
    """The work stops until a person has mended the cause."""


class UnknownJob(RequestRejected):
    """No job has this id or prefix."""

    def __init__(self, wanted: str) -> None:
        super().__init__(
            "There is no job yet. `muster run` and `muster submit` make one."
            if wanted == "latest"
            else f"There is no job {wanted!r}. `muster job list` shows the jobs there are."
        )
        self.wanted = wanted


class AmbiguousJob(RequestRejected):
    """The prefix fits several jobs."""

    def __init__(self, prefix: str, fitting: tuple[str, ...]) -> None:
        super().__init__(f"{prefix!r} fits several jobs ({', '.join(fitting)}). Give more of the id.")
        self.prefix, self.fitting = prefix, fitting


def _some(wanted: str, names: Sequence[str], most: int = 10) -> str:
    """The names, or where there are many those most like the wanted one."""
    if len(names) <= most:
        return ", ".join(names)
    from difflib import get_close_matches  # noqa: PLC0415 - only a wrong name needs it

    near = get_close_matches(wanted, names, most) or names[:most]
    return f"{', '.join(near)} … {len(names)} in all"


class UnknownTenant(RequestRejected):
    """No tenant of this name is configured."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        there = _some(name, known) or "none yet"
        sentence = f"There is no tenant {name!r} in the settings (there is: {there}). See `muster tenant list`."
        if name == "default" and known:
            # The caller named no tenant: this is the default.
            sentence = (
                f"No tenant is named, and none of the {len(known):,} in the settings is the default. Name one with "
                f"--tenant ({there}), or set `default_tenant` in the settings file."
            )
        super().__init__(sentence)
        self.name, self.known = name, known


class UnknownLane(RequestRejected):
    """No tenant in the settings leads to such a lane."""

    def __init__(self, wanted: str, tenants: tuple[str, ...]) -> None:
        known = _some(wanted, tenants) or "none: see `muster tenant list`"
        super().__init__(f"There is no lane {wanted!r}. Name its key, or a tenant that leads to it ({known}).")
        self.wanted, self.tenants = wanted, tenants


class UnknownAttentionItem(RequestRejected):
    """No item that needs attention has this id, or this subject alone."""

    def __init__(self, wanted: str, there: tuple[str, ...]) -> None:
        known = _some(wanted, there)
        others = f"These need attention: {known}." if known else "Nothing needs attention."
        super().__init__(f"{wanted!r} names no single item that needs attention; its cause may be gone. {others}")
        self.wanted, self.there = wanted, there


class IllegalMove(RequestRejected):
    """A job cannot go from one status straight to the other."""

    def __init__(self, current: str, wanted: str, hint: str = "") -> None:
        super().__init__(f"A {current} job cannot become {wanted}.{hint and f' {hint}'}")
        self.current, self.wanted = current, wanted


class SettingsInvalid(RequestRejected):
    """A setting cannot be used; the message names it, where it comes from and what it takes."""


class UnknownSchedule(RequestRejected):
    """No schedule has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no schedule {name!r}. `muster schedule list` shows the schedules there are.")
        self.name = name


class UnknownList(RequestRejected):
    """No saved list has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no list {name!r}. `muster list list` shows the lists there are.")
        self.name = name


class UnknownZone(RequestRejected):
    """No time zone has this name, or none any more."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no time zone {name!r}. It takes an IANA name such as Europe/Berlin or "
            "UTC, or Windows' own name such as W. Europe Standard Time."
        )
        self.name = name


class UnknownChannel(RequestRejected):
    """No channel for notifications has this name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        there = _some(name, known) or "none yet"
        super().__init__(f"There is no channel {name!r} in the settings (there is: {there}). See `muster notify list`.")
        self.name, self.known = name, known


class ScheduleInvalid(RequestRejected):
    """A schedule cannot be what it is asked to be; the message says which part of it, and what it takes."""


class ScheduleUnreadable(RequestRejected):
    """The stored form of a schedule cannot be read by this release."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"What schedule {name!r} was made of cannot be read. `muster schedule remove {name}`, and add it anew."
        )
        self.name = name


class RowUnreadable(RequestRejected):
    """The database holds values of one thing that this release does not know; everything else goes on."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The database holds values of {what} that this version of Muster cannot read. Everything else goes on. "
            "Use the newest version that ever worked on this database, or restore the row from a backup."
        )
        self.what = what


class NameTaken(RequestRejected):
    """The name is another one's already."""


class ListNeeded(RequestRejected):
    """Schedules that have not ended refer to the list, and could not run without it."""

    def __init__(self, name: str, schedules: Sequence[str]) -> None:
        there = _some(name, schedules)
        which = f"Schedule {there} needs" if len(schedules) == 1 else f"Schedules {there} need"
        super().__init__(
            f"{which} list {name!r} and could not run without it. Give them another list, or remove them, first; "
            "--force removes the list all the same."
        )
        self.name, self.schedules = name, tuple(schedules)


class EmergencyStopped(RequestRejected):
    """An emergency stop is in force, and nothing new is started until it is lifted."""


class StillRunning(RequestRejected):
    """The schedule's last job has not ended, and its rule for that says to wait or to skip."""


class IntakeFailed(RequestRejected):
    """The device list is refused as a whole; `problems` names its bad lines, if it is the lines.

    `columns` is the header over the cells of the problems.
    """

    def __init__(self, message: str, problems: tuple[LineProblem, ...] = (), *, columns: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.columns = columns
        self.problems = problems


class IdempotencyConflict(RequestRejected):
    """The idempotency key was used before, with another request."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Idempotency key {key!r} was used before with another file, option or reason. Take a new key."
        )
        self.key = key


class NotPermitted(RequestRejected):
    """The actor's role, ceiling or list of actions does not allow it."""


class SignInTooOld(NotPermitted):
    """The person signed in too long ago for this; signing in again mends it."""


class WrongStatus(RequestRejected):
    """The job does not stand so that this could be done."""


class IdNotFull(UnknownJob):
    """A change over HTTP named a job by `latest` or by the beginning of its id."""

    def __init__(self, wanted: str) -> None:
        RequestRejected.__init__(
            self,
            f"{wanted!r} is not the whole id of a job, and a change over HTTP takes nothing else: "
            "read the job first, and name the id that is in the answer.",
        )
        self.wanted = wanted


class ConfirmationOutdated(RequestRejected):
    """The thing is no longer as it was when a person was asked to confirm a change of it.

    `shown` are the facts that they saw, none where the request carries none; `now` are the present ones.
    """

    def __init__(self, shown: Mapping[str, str | int], now: Mapping[str, str | int]) -> None:
        super().__init__(f"{_what_differs(shown, now)} Nothing was done.")
        self.shown, self.now = shown, now


def _what_differs(shown: Mapping[str, str | int], now: Mapping[str, str | int]) -> str:
    different = [name for name in now if name in shown and shown[name] != now[name]]
    if not different:
        return "This request does not say what was confirmed."
    told = [
        f"{name} was {shown[name]} and is {now[name]}" if name != "rules" else "its rules were changed"
        for name in different
    ]
    return f"It has changed since it was shown: {'; '.join(told)}."


class UnknownKey(RequestRejected):
    """No API key has this id."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"There is no key {wanted!r}. `muster key list` shows the keys there are.")
        self.wanted = wanted


class UnknownSession(RequestRejected):
    """No session has this id or this name."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"There is no session {wanted!r}. `muster session list` shows who is signed in.")
        self.wanted = wanted


class StoreUnavailable(TryLater):
    """The database cannot be reached; `place` is its address without secrets, for the person at the terminal alone."""

    def __init__(self, message: str, *, place: str | None = None) -> None:
        super().__init__(message)
        self.place = place


class SchemaTooNew(TryLater):
    """The database was made by a newer release."""


class QueueUnavailable(TryLater):
    """The broker cannot be reached."""


class SignInUnreachable(TryLater):
    """The sign-in authority cannot be reached or is unwell."""


class GraphUnreachable(TryLater):
    """No call would reach Graph from here: no connection, or something in between that answers in Graph's place."""


class ReadFailed(TryLater):
    """Graph did not answer a read, however often it was repeated."""


class ExportHangs(ReadFailed):
    """Graph's export jobs of a report stayed in progress until the time for them was over."""


class NoWorkerRunning(TryLater):
    """The job is stored, and no process is there to run it."""


class TenantChanged(TryLater):
    """The settings no longer lead to the lane that the job was submitted for."""


class SignInRefused(CannotContinue):
    """The sign-in authority said no."""


class TokenUnusable(SignInRefused):
    """The text that was given as an access token cannot be one: nothing was asked with it."""


class PermissionMissing(CannotContinue):
    """The token lacks the permission that the action needs."""


class ReadRefused(CannotContinue):
    """Graph refused a read; `status` is the HTTP status, `code` is Graph's error code."""

    def __init__(self, message: str, *, status: int, code: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code
