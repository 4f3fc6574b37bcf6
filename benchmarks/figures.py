"""What was measured, and how it is shown; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One number; `beside` names the figure of the same section that it is a ratio of."""

    what: str
    value: float
    unit: str
    beside: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Figures of one run, and under which conditions they hold."""

    title: str
    conditions: str
    figures: tuple[Figure, ...]

    def ratio(self, figure: Figure) -> float | None:
        """The figure over the one it stands beside."""
        if figure.beside is None:
            return None
        return figure.value / next(other.value for other in self.figures if other.what == figure.beside)

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        figures = [{**asdict(figure), "ratio": self.ratio(figure)} for figure in self.figures]
        return {"title": self.title, "conditions": self.conditions, "figures": figures}


def table(sections: Sequence[Section]) -> str:
    """One table of everything that was measured, and below it under which conditions it holds."""
    rows = [row for section in sections for row in _rows(section)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{what:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {ratio:>{widths[3]}}  {beside}".rstrip()
        for what, value, unit, ratio, beside in rows
    ]
    notes = [f"{section.title}: {section.conditions}" for section in sections]
    return "\n".join([*lines, "", *notes, ""])


def _rows(section: Section) -> Iterator[tuple[str, str, str, str, str]]:
    yield "", "", "", "", ""
    yield section.title.upper(), "", "", "ratio", "beside"
    for figure in section.figures:
        ratio = section.ratio(figure)
        shown = "" if ratio is None else f"{ratio:.2f}"
        yield f"  {figure.what}", _number(figure.value), figure.unit, shown, figure.beside or ""


def medians(contestants: Sequence[tuple[str, Callable[[], float]]], rounds: int) -> dict[str, float]:
    """The middle of some rounds of each; in every round all take turns, so that a slow minute hits them alike."""
    seen: dict[str, list[float]] = {name: [] for name, _ in contestants}
    for _ in range(rounds):
        for name, measure in contestants:
            seen[name].append(measure())
    return {name: median(values) for name, values in seen.items()}


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 1 else f"{value:.1f}"
