"""When to misbehave: rules by device, by share, by time or for the next so many calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from math import inf
from random import Random
from typing import Literal

from orchestrator.simulator.faults import Fault

Subject = Literal["call", "envelope", "look", "discovery", "token"]


@dataclass(frozen=True, slots=True)
class When:
    """Which requests a fault befalls; what is left out does not narrow it."""

    devices: frozenset[str] | None = None
    share: float = 1.0
    sticky: bool = False
    times: int | None = None
    after_calls: int = 0
    since: float = -inf
    until: float = inf


@dataclass(slots=True)
class Rule:
    """A fault, when it strikes, and how often it still may."""

    number: int
    fault: Fault
    when: When
    left: float


class FaultScript:
    """The rules in force. The same seed chooses the same devices, in any order of arrival."""

    def __init__(self, seed: int, clock: Callable[[], float]) -> None:
        self._seed, self._clock = seed, clock
        self._random = Random(seed)
        self._written = 0
        self._before_all: dict[Subject, list[Rule]] = _of_each()
        self._everywhere: dict[Subject, list[Rule]] = _of_each()
        self._by_device: dict[str, list[Rule]] = {}

    def add(self, fault: Fault, when: When, *, of: Subject = "call", before_all: bool = False) -> None:
        """From now on this fault befalls those requests; rules are tried in the order they were added.

        Those of a device come before those of all devices, and those `before_all` come before both.
        """
        self._written += 1
        rule = Rule(self._written, fault, when, inf if when.times is None else when.times)
        if when.devices is None:
            (self._before_all if before_all else self._everywhere)[of].append(rule)
        else:
            for device in when.devices:
                # `times` counts for each device by itself, so each gets a rule of its own.
                own = Rule(rule.number, fault, when, rule.left)
                self._by_device.setdefault(device, []).append(own)

    def clear(self) -> None:
        """Removes every scripted fault."""
        self._by_device.clear()
        for rules in (*self._before_all.values(), *self._everywhere.values()):
            rules.clear()

    def pick(self, of: Subject, device: str, *, nth: int, total: int) -> tuple[Fault | None, float]:
        """The fault for this request, and how long its answer is held back.

        `nth` is how often the device was asked, `total` how many calls arrived, this one included.
        """
        before_all, everywhere = self._before_all[of], self._everywhere[of]
        own = self._by_device.get(device) if of == "call" and self._by_device else None
        if not before_all and not everywhere and not own:
            return None, 0.0
        delay, now = 0.0, self._clock()
        for rule in [*before_all, *(own or ()), *everywhere]:
            if not self._strikes(rule, device, nth, total, now):
                continue
            rule.left -= 1
            low, high = rule.fault.delay
            delay += self._random.uniform(low, high) if high > low else low
            if rule.fault.decides:
                return rule.fault, delay
        return None, delay

    def _strikes(self, rule: Rule, device: str, nth: int, total: int, now: float) -> bool:
        when = rule.when
        if rule.left <= 0 or total <= when.after_calls or not when.since <= now < when.until:
            return False
        return when.share >= 1.0 or self._chance(rule.number, device, 0 if when.sticky else nth) < when.share

    def _chance(self, rule: int, device: str, nth: int) -> float:
        digest = blake2b(f"{self._seed}|{rule}|{device}|{nth}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64


def _of_each() -> dict[Subject, list[Rule]]:
    return {"call": [], "envelope": [], "look": [], "discovery": [], "token": []}


def devices_named(devices: str | Iterable[str] | None) -> frozenset[str] | None:
    """One device, several, or None for every one."""
    if devices is None:
        return None
    return frozenset({devices.lower()} if isinstance(devices, str) else {device.lower() for device in devices})
