"""The truth: every call that arrived and what it really did, for tests to compare with what was recorded."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.simulator.windows import most_in_any


@dataclass(slots=True)
class Call:
    """One call for one device; written at its arrival, filled in with its answer."""

    arrived: float
    arrived_at: float
    device: str
    via: str
    action: str
    app: str
    request_id: str
    client_request_id: str
    envelope: str | None
    status: int = 0
    effect: bool = False
    delivered: bool = False


@dataclass(slots=True)
class Envelope:
    """One `$batch` request; its parts are recorded as calls."""

    id: str
    arrived: float
    parts: int = 0
    status: int = 0
    delivered: bool = False


class Tenant:
    """The ledger of what was done to devices; with `counts_only` it keeps sums and arrival times, but no calls."""

    def __init__(self, *, known_devices: Iterable[str] | None = None, counts_only: bool = False) -> None:
        self.known_devices = None if known_devices is None else {device.lower() for device in known_devices}
        self.counts_only = counts_only
        self.forget()

    def forget(self) -> None:
        """Begin again with an empty ledger; the known devices stay."""
        self.calls: list[Call] = []
        self.envelopes: list[Envelope] = []
        self.effects: dict[str, int] = {}
        self.asked: dict[str, int] = {}
        self.by_status: Counter[int] = Counter()
        self.total = 0
        self.undelivered = 0
        self.envelope_total = 0
        self._arrivals: dict[str, array[float]] = {}

    def knows(self, device: str) -> bool:
        """True for every device, unless the tenant was given a list of its own."""
        return self.known_devices is None or device in self.known_devices

    def add_arrival(self, call: Call) -> None:
        """Enter the call into the ledger; its answer is still open."""
        self.total += 1
        self.asked[call.device] = self.asked.get(call.device, 0) + 1
        times = self._arrivals.get(call.app)
        if times is None:
            times = self._arrivals[call.app] = array("d")
        times.append(call.arrived)
        if not self.counts_only:
            self.calls.append(call)

    def add_answer(self, call: Call, status: int, *, effect: bool) -> None:
        """Enter what was answered, and whether the device really got the action."""
        call.status = status
        self.by_status[status] += 1
        if effect:
            call.effect = True
            self.effects[call.device] = self.effects.get(call.device, 0) + 1

    def add_delivery(self, call: Call, *, delivered: bool) -> None:
        """Enter whether the answer left for the caller."""
        call.delivered = delivered
        if not delivered:
            self.undelivered += 1

    def add_envelope(self, envelope: Envelope) -> None:
        """Enter a `$batch` request into the ledger."""
        self.envelope_total += 1
        if not self.counts_only:
            self.envelopes.append(envelope)

    def peak(self, seconds: float, *, app: str | None = None) -> int:
        """The most calls that arrived in any window of that length, however it is cut."""
        if app is not None:
            return most_in_any(self._arrivals.get(app, ()), seconds)
        return most_in_any(heapq.merge(*self._arrivals.values()), seconds)

    def calls_for(self, device: str) -> list[Call]:
        """Every call for one device, in order of arrival."""
        return [call for call in self.calls if call.device == device.lower()]

    def repeated(self) -> dict[str, int]:
        """The devices on which an action took effect more than once, and how often."""
        return {device: count for device, count in self.effects.items() if count > 1}
