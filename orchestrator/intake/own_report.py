"""A report of ours as input: which of its columns are its own, and which of its rows deserve another try; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.domain.device import Via
from orchestrator.domain.target import TargetStatus, may_mend
from orchestrator.intake.noise import Noise

INPUT_PREFIX = "input."
"""Stands before the name of an input's column that is one of the report's own."""

TAKEN_AGAIN = frozenset(
    {TargetStatus.FAILED, TargetStatus.UNCERTAIN, TargetStatus.CANCELLED, TargetStatus.WAITING},
)
"""The statuses of rows that a report as input is read for."""


def reason_to_leave_out(status: TargetStatus, http_status: str, *, is_repeatable: bool) -> Noise | None:
    """Why another attempt at a row with this status is not made; None where it is."""
    if not may_mend(status, int(http_status) if http_status.isdecimal() else None):
        return Noise.FAILED_FOR_GOOD
    return Noise.NOT_REPEATED if status is TargetStatus.UNCERTAIN and not is_repeatable else None


def own_columns(via: Via) -> tuple[str, ...]:
    """The columns of a report that are not the input's."""
    return ("line", *via.columns, "status", *_FACTS)


def recognise(header: Sequence[str]) -> Via | None:
    """The way of addressing of the report that this is the header of; None if it is no report of ours."""
    folded = [name.strip().casefold() for name in header]
    for via in Via:
        # Reports of an earlier version have no names.
        own = [name.casefold() for name in own_columns(via)[: -len(_NAMES)]]
        if folded[: len(own)] == own:
            return via
    return None


def own_width(header: Sequence[str], via: Via) -> int:
    """How many columns of a report's header are its own; a report of an earlier version has no names."""
    own = own_columns(via)
    names = [name.strip().casefold() for name in header[len(own) - len(_NAMES) : len(own)]]
    return len(own) if names == [name.casefold() for name in _NAMES] else len(own) - len(_NAMES)


def name_in_report(name: str, via: Via) -> str:
    """Returns the name of an input column in the report."""
    # PowerShell's Import-Csv takes two names for one if they differ in letter case only, and then reads nothing at all.
    taken = name.strip().casefold() in {own.casefold() for own in own_columns(via)}
    return INPUT_PREFIX + name if taken else name


def name_in_input(name: str, via: Via) -> str:
    """Returns the name that a column of the report had in its input."""
    original = name.removeprefix(INPUT_PREFIX)
    return original if name_in_report(original, via) == name else name


def defuse_id(text: str) -> str:
    """An opaque id so that no spreadsheet takes it for a formula; `restore_id` undoes it."""
    return f"'{text}" if _ID_LIKE_FORMULA.match(text) else text


def restore_id(text: str) -> str:
    """The id that was made safe for a report."""
    return text[1:] if text[:1] == "'" and _ID_LIKE_FORMULA.match(text) else text


_NAMES = ("deviceName", "matchedBy")
_FACTS = (
    *("httpStatus", "errorCode", "errorMessage", "attempts", "maybeRepeated"),
    *("requestId", "clientRequestId", "firstAttemptAt", "finishedAt"),
    *_NAMES,
)
_ID_LIKE_FORMULA = re.compile(r"'*[=+\-@]")
