"""The errors of targets, counted by kind."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.target import TargetStatus


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Targets of one final status that ended with the same error."""

    status: TargetStatus
    http_status: int | None
    code: str


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """The number of targets of an error group, and one request id to quote to Microsoft."""

    count: int
    example_request_id: str | None = None

    def __add__(self, other: ErrorCount) -> ErrorCount:
        return ErrorCount(self.count + other.count, self.example_request_id or other.example_request_id)
