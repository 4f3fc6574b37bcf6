"""The difference between an inventory and the one before it; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_NAMED = 50
"""Devices of each kind of change that are kept by name, the first ones by name."""


@dataclass(frozen=True, slots=True)
class ChangedDevice:
    """One device that changed; `before` is the former name of one that was renamed."""

    id: str
    name: str | None = None
    before: str | None = None

    @property
    def label(self) -> str:
        """The device in a line of text."""
        name = self.name or self.id
        return name if self.before is None else f"{self.before} is now {name}"


@dataclass(frozen=True, slots=True)
class InventoryChanges:
    """The difference from the inventory before: counts of devices, and some of the devices themselves.

    The first inventory of a tenant names none: all of its devices are new.
    """

    new: int = 0
    gone: int = 0
    renamed: int = 0
    no_longer_eligible: int = 0
    new_devices: tuple[ChangedDevice, ...] = ()
    gone_devices: tuple[ChangedDevice, ...] = ()
    renamed_devices: tuple[ChangedDevice, ...] = ()
    no_longer_eligible_devices: tuple[ChangedDevice, ...] = ()

    @property
    def kinds(self) -> Iterator[tuple[str, int, Sequence[ChangedDevice]]]:
        """Words, number and devices of each kind of change that there was."""
        for words, count, devices in (
            ("new", self.new, self.new_devices),
            ("gone", self.gone, self.gone_devices),
            ("renamed", self.renamed, self.renamed_devices),
            ("no longer co-managed", self.no_longer_eligible, self.no_longer_eligible_devices),
        ):
            if count:
                yield words, count, devices


def some_names(devices: Sequence[ChangedDevice], count: int, *, most: int) -> str:
    """The first devices of `count` in a line: "BER-1, BER-2 and 40 more"."""
    named = ", ".join(device.label for device in devices[:most])
    left = count - len(devices[:most])
    return f"{named} and {left:,} more" if left and named else named
