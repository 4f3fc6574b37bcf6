"""The bodies of requests about jobs and keys."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from orchestrator.domain.access import Grant, Role
from orchestrator.domain.action import Action
from orchestrator.domain.job import Priority
from orchestrator.domain.target import TargetStatus
from orchestrator.http.json_model import JsonModel, Text


class Why(JsonModel):
    """The reason of a change; the audit log keeps it."""

    reason: Text | None = None


WhyRemoved = Annotated[Text | None, Query(alias="reason", description="Why; the audit log keeps it.")]
"""As `Why`, where a request has no body."""


_Retried = Literal[TargetStatus.FAILED, TargetStatus.UNCERTAIN, TargetStatus.CANCELLED, TargetStatus.WAITING]
"""Accepted targets and those with a call on its way are in no retry: their devices would be asked twice."""


class RetryRequest(Why):
    """Which targets of the job go into a new one."""

    status: list[_Retried] | None = Field(
        default=None,
        min_length=1,
        description="Without it and without `error`, the failures that another attempt may mend.",
    )
    error: Text | None = Field(default=None, description="Only those with this error code.")
    search: Text | None = Field(default=None, description="Only devices whose id contains it.")
    lines: list[int] | None = Field(
        default=None, min_length=1, max_length=10_000, description="Only the targets of these lines."
    )


class ResumeRequest(Why):
    """Whether what waits may move to the lane that the tenant's settings lead to now."""

    rebind: bool = False


class PriorityRequest(Why):
    """The job's new weight."""

    priority: Priority


_DAYS = Field(
    default=None, ge=1, le=36_500, description="Days until it expires: 90 without it, `MUSTER_KEY_MAX_DAYS` at most."
)


class PlainKeyRequest(Why):
    """A new key for a viewer or an admin."""

    role: Literal[Role.VIEWER, Role.ADMIN]
    name: Text | None = None
    expires_in_days: int | None = _DAYS

    @property
    def grant(self) -> Grant:
        """Returns the grant of the new key."""
        return Grant(self.role)


class OperatorKeyRequest(Why):
    """A new key for an operator, who submits and steers jobs, perhaps within limits."""

    role: Literal[Role.OPERATOR]
    name: Text | None = None
    ceiling: int | None = Field(default=None, ge=1, le=10**12, description="Devices in one job at most.")
    actions: list[Action] | None = Field(default=None, description="The only actions it may ask for.")
    tenants: list[Text] | None = Field(default=None, description="The only tenants whose devices it may ask.")
    expires_in_days: int | None = _DAYS

    @property
    def grant(self) -> Grant:
        """Returns the grant of the new key."""
        actions = None if self.actions is None else frozenset(self.actions)
        return Grant(self.role, self.ceiling, actions, None if self.tenants is None else frozenset(self.tenants))


KeyRequest = Annotated[PlainKeyRequest | OperatorKeyRequest, Field(discriminator="role")]


class RevokeRequest(Why):
    """Whether what the key created ends with it: its keys revoked, its schedules and unfinished jobs paused."""

    with_created: bool = False


class RotateRequest(Why):
    """How long the old key still opens the API, and when the new one expires."""

    overlap_days: int = Field(default=7, ge=0, le=365, description="Days that the old key is still valid.")
    expires_in_days: int | None = Field(
        default=None, ge=1, le=36_500, description="Days until the new key expires: as the old one's without it."
    )
