"""The Celery shell: `celery -A workers worker` and `muster worker` are the same."""

from __future__ import annotations

from typing import Any

__all__ = ["app", "run_clock", "run_worker"]


def __getattr__(name: str) -> Any:
    # Celery looks here for `app`; an import of the package alone loads nothing else.
    if name in {"app", "celery"}:
        from workers.celery_app import celery  # noqa: PLC0415

        return celery
    if name in {"run_worker", "run_clock"}:
        from workers import shells  # noqa: PLC0415

        return getattr(shells, name)
    raise AttributeError(name)
