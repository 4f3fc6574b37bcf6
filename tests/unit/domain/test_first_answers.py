"""When the first answers of a job speak of all that it would call."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.first_answers import FirstVerdict, is_unexplained, judge_first_answers
from orchestrator.domain.outcome import NOT_FROM_GRAPH, Accepted, Deferred, GraphError, Outcome, Refused, Uncertain

OPEN, DEVICES, JOB = FirstVerdict.OPEN, FirstVerdict.DEVICES, FirstVerdict.JOB

ODD = Refused(GraphError("BadRequest", "The scale unit rejected the payload.", 400, "one"))
OTHER = Refused(GraphError("BadRequest", "The segment is closed.", 400))
GONE = Refused(GraphError("ResourceNotFound", "Gone.", 404))
THROTTLED = Deferred(GraphError("TooManyRequests", "Slow down.", 429), timedelta(seconds=2), closes_lane=True)
UNWELL = Deferred(GraphError("ServiceUnavailable", "Later.", 503))
CUT_OFF = Deferred(GraphError(NOT_FROM_GRAPH, "A page.", 403))
SILENT = Uncertain(GraphError("AnswerTimedOut", "No answer."))


@pytest.mark.parametrize(
    ("outcomes", "is_complete", "verdict"),
    [
        ([ODD] * 20, True, JOB),
        ([ODD] * 5, True, JOB),
        ([ODD] * 4, True, DEVICES),
        ([ODD] * 19, False, OPEN),
        ([], False, OPEN),
        ([], True, DEVICES),
        ([*[ODD] * 19, Accepted()], True, DEVICES),
        # One other word is enough, however many calls are still out.
        ([ODD, Accepted()], False, DEVICES),
        ([*[ODD] * 12, GONE], False, DEVICES),
        ([*[ODD] * 12, OTHER], False, DEVICES),
        ([GONE] * 20, True, DEVICES),
        # What says nothing of a device stands for neither.
        ([*[ODD] * 12, THROTTLED, UNWELL, CUT_OFF, SILENT], True, JOB),
        ([*[ODD] * 4, THROTTLED, UNWELL], True, DEVICES),
        ([THROTTLED] * 20, True, DEVICES),
    ],
)
def test_the_first_answers_stop_a_job_only_if_all_were_refused_alike(
    outcomes: list[Outcome],
    is_complete: bool,  # noqa: FBT001 - a parameter of the table
    verdict: FirstVerdict,
) -> None:
    assert judge_first_answers(outcomes, is_complete=is_complete) is verdict


def test_errors_are_alike_that_differ_in_ids_and_numbers_only() -> None:
    told = [
        Refused(GraphError("Odd", f"Request 0f8fad5b-d9cb-469f-a165-7086772895{each:02} broke in unit {each}.", 400))
        for each in range(20)
    ]

    assert judge_first_answers(told, is_complete=True) is JOB


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("BadRequest", "Device action is not supported for this device's platform or management agent"),
        ("BadRequest", "The device was retired and cannot take actions."),
        ("BadRequest", "Client is no longer managed by Configuration Manager."),
        ("BadRequest", "Managed device not found."),
        ("NotSupported", "Odd."),
        ("UnsupportedOperation", ""),
        ("ManagedDeviceNotFound", ""),
        ("InternalError", "An internal error has occurred."),
    ],
)
def test_a_400_that_names_the_device_as_the_cause_is_explained(code: str, message: str) -> None:
    assert not is_unexplained(Refused(GraphError(code, message, 400)))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("BadRequest", ""),
        ("HTTP400", "Graph answered 400 without a message"),
        ("BadRequest", "The property 'action' does not exist on type 'managedDevice'."),
        ("ActionBlocked", "Blocked by rollout policy 17."),
        ("BadRequest", "Invalid request for the device. The rollout is not supported yet."),
    ],
)
def test_any_other_400_is_unexplained(code: str, message: str) -> None:
    assert is_unexplained(Refused(GraphError(code, message, 400)))
    assert not is_unexplained(Refused(GraphError(code, message, 404)))
