"""One call to be made: everything that Graph needs to know, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator.domain.action import Action
from orchestrator.domain.device import Device, Via
from orchestrator.domain.outcome import GraphError


class Call(NamedTuple):
    """One attempt at one device."""

    action: Action
    via: Via
    device: Device
    client_request_id: str


MayLeave = Callable[[], bool]
"""Whether a prepared call may still be sent; asked when there is a connection, right before it would be written."""


@dataclass(frozen=True, slots=True)
class EnvelopesRefused:
    """Graph takes no envelopes, or refused this one: no call in it was acted on, and each may be made singly."""

    error: GraphError
