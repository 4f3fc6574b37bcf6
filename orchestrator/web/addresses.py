"""Addresses of pages with their query; pure."""

from __future__ import annotations

from urllib.parse import urlencode


def query(**parameters: object) -> str:
    """A query string of the parameters that are given."""
    given = {name: value for name, value in parameters.items() if value not in (None, "", ())}
    return f"?{urlencode(given, doseq=True)}" if given else ""
