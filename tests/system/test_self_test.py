from __future__ import annotations

from orchestrator.cli.self_test import self_test
from tests.support.command_line import CommandLine


def test_this_machine_can_do_what_a_job_needs() -> None:
    checks = self_test()

    assert [(check.name, check.detail) for check in checks if not check.ok] == []
    assert [check.name for check in checks][-2:] == ["time zones", "simulated job"]
    assert checks[-1].detail == "25 devices called and accepted, 25 in the report"


def test_the_self_test_says_its_checks_and_no_events(muster: CommandLine) -> None:
    done = muster.run("doctor", "--self-test")

    assert (done.code, done.err) == (0, "")
    assert "25 devices called and accepted" in done.out
