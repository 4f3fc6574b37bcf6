"""Spans of time as people read them."""

from __future__ import annotations


def span(seconds: float) -> str:
    """A span in its two largest units: "1 h 05 min", "3 min 20 s", "12 s"."""
    whole = max(0, round(seconds))
    if whole >= 86_400:
        return f"{whole // 86_400} d {whole % 86_400 // 3600:02} h"
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole} s"
