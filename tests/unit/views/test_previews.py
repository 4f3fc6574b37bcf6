"""Bad rows with their candidates, to be mended and submitted again."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from orchestrator.domain.device import Via
from orchestrator.domain.inventory import InventoryDevice
from orchestrator.domain.line_problem import LineProblem
from orchestrator.intake.device_list import IntakeOptions, open_device_list
from orchestrator.views.previews import bad_rows, bad_rows_csv, problem_objects
from tests.support.apps import device_ids

FIRST, SECOND = device_ids(2)
TWINS = (
    InventoryDevice(FIRST, "BER-1", "S1", management_agent="configurationManagerClient"),
    InventoryDevice(SECOND, "=cmd|x", "S2", last_contact_at=datetime(2026, 11, 2, tzinfo=UTC)),
)
PROBLEMS = [
    LineProblem(2, "ambiguous", ("BER-1", "a"), TWINS),
    LineProblem(5, "unknown", ("OSL-1", "b")),
]


def test_a_bad_row_has_its_cells_and_every_candidate_in_columns() -> None:
    first, second = bad_rows(PROBLEMS, ("Device name", "Reason"))

    assert [*first][:5] == ["line", "reason", "managedDeviceId", "Device name", "input.Reason"]
    assert (first["candidate1.id"], first["candidate2.id"], first["input.Reason"]) == (FIRST, SECOND, "a")
    assert first["candidate2.lastContactAt"] == "2026-11-02T00:00:00.000Z"
    assert [*second] == [*first]
    assert second["candidate1.id"] == ""


def test_bad_rows_whose_ids_were_filled_in_are_a_device_list_again() -> None:
    rows = [*csv.DictReader(io.StringIO(bad_rows_csv(PROBLEMS, ("Device name", "Reason")).removeprefix("\ufeff")))]
    assert rows[0]["candidate2.name"] == "'=cmd|x"
    for row, chosen in zip(rows, (FIRST, SECOND), strict=True):
        row["managedDeviceId"] = chosen
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)

    options = IntakeOptions(has_inventory=True)
    mended = open_device_list(
        io.BytesIO(text.getvalue().encode()), file_name=None, via=Via.MANAGED_DEVICES, options=options
    )

    assert [row.device.key for page in mended.pages() for row in page.rows if row.device] == [FIRST, SECOND]


def test_bad_rows_of_a_list_of_ids_are_lines_and_reasons() -> None:
    assert bad_rows([LineProblem(3, "no id")], ("managedDeviceId",)) == [{"line": 3, "reason": "no id"}]
    assert problem_objects([LineProblem(3, "no id")]) == [{"line": 3, "reason": "no id"}]
