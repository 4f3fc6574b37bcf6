"""Sends a message for each device that stands on stdin: `python -m benchmarks.naive_sender DESIGN`."""

from __future__ import annotations

import sys


def main() -> None:
    """Send them all."""
    devices = sys.stdin.read().split()
    if sys.argv[1] == "Celery":
        from benchmarks.naive_celery import trigger as task  # noqa: PLC0415 - each design reads its own settings

        for device in devices:
            task.delay(device)
    else:
        from benchmarks.naive_dramatiq import trigger as actor  # noqa: PLC0415 - likewise

        for device in devices:
            actor.send(device)


if __name__ == "__main__":
    main()
