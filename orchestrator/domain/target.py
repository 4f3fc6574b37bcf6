"""One device inside one job, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from orchestrator.domain.device import Device
from orchestrator.domain.ids import InventoryNumber

LOST_CALL = "WorkerLost"
"""Our own code for a call whose worker died before it recorded the answer."""


class TargetStatus(StrEnum):
    """Where a target stands; the last four are final."""

    WAITING = "waiting"
    SENDING = "sending"
    ACCEPTED = "accepted"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"

    # Counted for every call; Enum's own is written in Python.
    __hash__ = str.__hash__

    @property
    def is_final(self) -> bool:
        """Whether it will change no more."""
        return self not in {TargetStatus.WAITING, TargetStatus.SENDING}


PERMANENT_STATUSES = (400, 404, 405, 410, 501)
"""HTTP statuses by which Graph says something of the device or of the request itself: no such device, gone, or not able
to take the action. The same request is answered so again."""


def may_mend(status: TargetStatus, http_status: int | None) -> bool:
    """Whether another attempt at a target that ended with this may succeed: what a retry takes by itself."""
    return status is not TargetStatus.FAILED or http_status not in PERMANENT_STATUSES


class RowVerdict(StrEnum):
    """The reason why an input row is no target."""

    DUPLICATE = "duplicate"
    REJECTED = "rejected"


class Target(NamedTuple):
    """The facts that a worker needs to trigger one device; a tuple, because there is one for every call.

    `attempts` counts requests that left or may have left; `uncharged` counts those among them that use up none of the
    attempts that the policy allows: a crash of ours swallowed them, or Graph refused the caller and not the device.
    `doubtful` says that an earlier attempt may have reached the device.
    """

    line: int
    device: Device
    attempts: int = 0
    uncharged: int = 0
    doubtful: bool = False
    maybe_repeated: bool = False
    first_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """Everything that is known of one target."""

    line: int
    device: str
    status: TargetStatus
    attempts: int = 0
    maybe_repeated: bool = False
    http_status: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None
    client_request_id: str | None = None
    first_attempt_at: datetime | None = None
    finished_at: datetime | None = None
    name: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class TargetFilter:
    """Which targets of a job are meant; all of them without a condition.

    `code` is an error code in any letter case. `search` is looked for in a device's id and name, and in its name and
    user in the `inventory` of this number. `lines` are the only lines that are taken.
    """

    statuses: tuple[TargetStatus, ...] = ()
    code: str | None = None
    search: str | None = None
    lines: frozenset[int] = frozenset()
    inventory: InventoryNumber | None = None


EVERY_TARGET = TargetFilter()


class TargetOrder(StrEnum):
    """The orders in which the targets of a job can be listed; ties stand in the input's order."""

    STATUS = "status"
    LINE = "line"
    DEVICE = "device"
    CODE = "code"
    ATTEMPTS = "attempts"
    TIME = "time"
