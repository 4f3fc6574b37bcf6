"""Whether the first answers of a job concern its devices or everything it would call; pure.

No list of Graph's errors is complete. An unknown 400 may be about one device, or about the request, the app or
the tenant; only several devices that get the same one tell the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeGuard

from orchestrator.domain.circuit_breaker import is_word
from orchestrator.domain.outcome import GraphError, Outcome, Refused

FEWEST_ALIKE = 5
"""Devices that must get the same unexplained refusal before a job stops; with fewer they just fail."""


class FirstVerdict(StrEnum):
    """The verdict on the first answers of a job."""

    OPEN = "open"
    """Other first calls are still to be answered."""

    DEVICES = "devices"
    """Each answer concerns its own device."""

    JOB = "job"
    """All were refused alike: no call of the job can work."""


def judge_first_answers(outcomes: Sequence[Outcome], *, is_complete: bool) -> FirstVerdict:
    """The verdict on the outcomes so far of a job's first calls; `is_complete` once no other first call is out.

    Outcomes that say nothing of a device (throttling, an outage, no connection) are left out.
    """
    words = [outcome for outcome in outcomes if is_word(outcome)]
    refusals = {_signature(outcome.error) for outcome in words if is_unexplained(outcome)}
    if len(refusals) > 1 or not all(is_unexplained(outcome) for outcome in words):
        return FirstVerdict.DEVICES
    if not is_complete:
        return FirstVerdict.OPEN
    return FirstVerdict.JOB if len(words) >= FEWEST_ALIKE else FirstVerdict.DEVICES


def is_unexplained(outcome: Outcome) -> TypeGuard[Refused]:
    """Whether Graph refused with a 400 that neither its code nor its message ties to the device."""
    if not isinstance(outcome, Refused) or outcome.error.http_status != 400:
        return False
    error = outcome.error
    return not (_CODE_OF_DEVICE.fullmatch(error.code.casefold()) or _words_of_device(error.message.casefold()))


def _words_of_device(message: str) -> bool:
    return any(_OF_DEVICE.search(each) and _CANNOT.search(each) for each in message.split(". "))


def _signature(error: GraphError) -> tuple[str, str]:
    """Returns a text that is equal for errors that differ only in ids, numbers and letter case."""
    return error.code.casefold(), _VARYING.sub("#", error.message.casefold())


_VARYING = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}|\d+")
_CODE_OF_DEVICE = re.compile(
    r"\w*not_?found|\w*not_?supported|unsupported\w*|internalerror|invalid_?(?:managed_?)?device_?id"
)
_OF_DEVICE = re.compile(r"\b(?:devices?|platform|operating system|management agent|clients?)\b")
_CANNOT = re.compile(
    r"\b(?:not supported|unsupported|not (?:eligible|applicable|found|managed|co-?managed|enrolled|registered)"
    r"|no longer|retired|wiped|deleted|does not (?:exist|support)|doesn't (?:exist|support)|cannot (?:take|perform))\b"
)
