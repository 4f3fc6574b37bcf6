from __future__ import annotations

import pytest

from orchestrator.domain.hints import with_job_id
from orchestrator.domain.ids import JobId


@pytest.mark.parametrize(
    ("hint", "whole"),
    [
        ("Then go on with `muster job resume`.", "Then go on with `muster job resume k3x7`."),
        ("`job retry` later.", "`muster job retry k3x7` later."),
        (
            "`job retry --status uncertain` sends it again.",
            "`muster job retry k3x7 --status uncertain` sends it again.",
        ),
        ("See `muster job errors`, then `job resume`.", "See `muster job errors k3x7`, then `muster job resume k3x7`."),
        ("`muster job watch abcd` follows it, `muster job cancel abcd` ends it.",) * 2,
        ("Nothing to type.",) * 2,
    ],
)
def test_a_hint_can_be_typed_as_it_stands(hint: str, whole: str) -> None:
    assert with_job_id(hint, JobId("k3x7")) == whole
