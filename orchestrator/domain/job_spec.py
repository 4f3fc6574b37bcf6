"""The request of a job, without its devices: each option with its default, its bounds and its words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from orchestrator.domain.action import Action
from orchestrator.domain.brake_options import MOST_CANARIES, BrakeOptions
from orchestrator.domain.device import Via
from orchestrator.domain.job import Priority
from orchestrator.domain.options import Option


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """The options of a job; `domain/options.py` says how the edges use them."""

    action: Annotated[Action, Option("What to ask of each device's ConfigMgr client.", label="Action")]
    via: Annotated[Via, Option("How Graph addresses a device.", label="Addressed via", is_rare=True)] = (
        Via.MANAGED_DEVICES
    )
    tenant: Annotated[
        str,
        Option("The tenant in the settings whose devices are called.", label="Tenant", metavar="NAME", has_usual=True),
    ]
    name: Annotated[str | None, Option("A name for the job.", label="Name")] = None
    reason: Annotated[str | None, Option("Why; it is kept with the job.", label="Reason")] = None
    priority: Annotated[Priority, Option("The job's weight beside others.", label="Priority")] = Priority.NORMAL
    canary: Annotated[
        int,
        Option(
            "Call N devices spread over the list first; the others only if those succeed.",
            label="Canaries",
            note="This number of devices is called first, and the others only if those went well.",
            metavar="N",
            at_most=MOST_CANARIES,
            is_rare=True,
        ),
    ] = 0
    brake: BrakeOptions = field(default_factory=BrakeOptions)
