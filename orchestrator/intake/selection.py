"""A selection as a device list: the devices that Muster itself found for a name, a condition or a saved list; pure."""

from __future__ import annotations

from orchestrator.domain.device import Via
from orchestrator.intake.columns import IdColumns
from orchestrator.intake.eligibility import Eligibility
from orchestrator.intake.validation import Layout

SELECTION_COLUMNS = ("managedDeviceId", "deviceName", "matchedBy")
"""The header of a selection; it has no columns of its own in a report, which shows all three anyway."""


def selection_layout(via: Via, delimiter: str) -> Layout:
    """The layout of a selection: its ids are Intune's, and each row says by what its device was found."""
    width = len(SELECTION_COLUMNS)
    ids = IdColumns((0,), SELECTION_COLUMNS[:1])
    return Layout(via, ids, width, Eligibility(), own=width, delimiter=delimiter, is_selection=True)
