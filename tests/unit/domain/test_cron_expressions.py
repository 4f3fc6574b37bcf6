"""What is said of a cron expression that cannot be one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.domain.errors import ScheduleInvalid
from orchestrator.domain.recurrence import parse_cron

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("0 2 31 2 *", "'0 2 31 2 *' is never due: there is no such day."),
        ("0 2 31 4,6 *", "is never due: there is no such day."),
        ("0 2 32 * *", "its day-of-month takes 1 to 31"),
        ("61 2 * * *", "its minute takes 0 to 59"),
        ("0 22-2 * * *", "ranges that count upwards"),
        ("0 2 * * 9", "its day-of-week takes 0 to 7"),
        ("0 2 * FOO *", "its month takes 1 to 12"),
        ("@daily", "'@daily' is no cron expression here; write '0 0 * * *'."),
        ("@reboot", "it has 1 field and takes five"),
        ("0 2 a.csv b.csv a.csv b.csv *", "Put the expression in quotes."),
    ],
)
def test_a_wrong_expression_is_told_what_it_takes(expression: str, says: str) -> None:
    with pytest.raises(ScheduleInvalid) as refused:
        parse_cron(expression, "Europe/Berlin", now=NOW)

    assert says in str(refused.value)


@pytest.mark.parametrize(
    "expression", ["0 2 31 * *", "0 2 L * *", "0 2 LW 2 *", "0 2 30 2 1", "0 2 29 2 *", "0 2 * * 5L"]
)
def test_an_expression_that_is_due_on_some_day_is_taken(expression: str) -> None:
    assert parse_cron(expression, "UTC", now=NOW).expression == expression
