"""Spans of time as people read them."""

from __future__ import annotations


def span(seconds: float) -> str:
    """A span in its two largest units: "1 h 05 min", "3 min 20 s", "12 s"."""
    rounded = max(0, round(seconds))
    if rounded >= 86_400:
        return f"{rounded // 86_400} d {rounded % 86_400 // 3600:02} h"
    if rounded >= 3600:
        return f"{rounded // 3600} h {rounded % 3600 // 60:02} min"
    if rounded >= 60:
        return f"{rounded // 60} min {rounded % 60:02} s"
    return f"{rounded} s"
