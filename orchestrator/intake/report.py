"""The report about a device list that was read."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.line_problem import LineProblem


@dataclass(frozen=True, slots=True)
class IntakeReport:
    """`rows` is `good + duplicates + rejected`; `bad` of the rejected are why a file is refused.

    `ineligible` counts devices that cannot take a ConfigMgr action: among the rejected where only eligible ones were
    asked for, among the good otherwise. `problems` names the bad lines, the first hundred thousand of them.
    `left_out` counts rows of a report of ours that need no other try; they are not in `rows`.
    `matched` counts the good rows by what they were matched; it is empty for a list of managed device ids.
    `ignored` lists the noise that was found, one clause for each kind.
    `columns` is the header over the cells of the problems. `mended` are rows that were bad until a person decided.
    """

    rows: int
    good: int
    duplicates: int
    rejected: int
    bad: int
    ineligible: int
    left_out: int
    ignored: tuple[str, ...]
    matched: dict[str, int]
    problems: tuple[LineProblem, ...]
    sha256: str
    bytes: int
    columns: tuple[str, ...] = ()
    mended: tuple[LineProblem, ...] = ()
