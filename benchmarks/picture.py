"""The figures that are speeds, as bars: readable on white and on black."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

SHOWN = ("free", "slow")
_WIDTH, _NAMES, _BAR, _ROW, _TITLE = 860, 330, 400, 24, 44
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:15px}"
    ".ours{fill:#0969da}.other{fill:#8c959f}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ours{fill:#4493f8}.other{fill:#6e7681}}"
)


def of(folder: Path) -> str:
    """An SVG of what was measured last in the sections of speed."""
    sections = [json.loads(path.read_text(encoding="utf-8")) for path in _files(folder)]
    drawn: list[str] = []
    height = 0
    for section in sections:
        height += _TITLE
        drawn.append(f'<text class="title" x="12" y="{height - 12}">{escape(section["title"])}, devices/s</text>')
        speeds = [figure for figure in section["figures"] if figure["unit"] == "devices/s"]
        most = max(figure["value"] for figure in speeds)
        for figure in speeds:
            drawn.append(_bar(figure, most, height))
            height += _ROW
    height += 12
    label = "Devices a second, ours beside bare loops and naive designs"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">'
        f"<style>{_STYLE}</style>\n" + "\n".join(drawn) + "\n</svg>\n"
    )


def _files(folder: Path) -> Iterable[Path]:
    return [path for name in SHOWN if (path := folder / f"{name}.json").exists()]


def _bar(figure: dict[str, Any], most: float, top: int) -> str:
    name, value = figure["what"], figure["value"]
    kind = "other" if name.startswith(("bare", "naive")) else "ours"
    width = max(1.0, _BAR * value / most)
    ratio = "" if figure["ratio"] is None else f" (ratio {figure['ratio']:.2f})"
    return (
        f'<text x="12" y="{top + 13}">{escape(name)}</text>'
        f'<rect class="{kind}" x="{_NAMES}" y="{top}" width="{width:.1f}" height="{_ROW - 6}" rx="2"/>'
        f'<text x="{_NAMES + width + 6:.1f}" y="{top + 13}">{value:,.0f}{ratio}</text>'
    )
