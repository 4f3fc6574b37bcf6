from __future__ import annotations

from io import BytesIO

from orchestrator.domain.device import Via
from orchestrator.intake.device_list import IntakeOptions, open_device_list, tenants_of_list
from orchestrator.intake.tenant_column import TenantRows

KNOWN = {"north": "north", "south": "south", "south.example": "south"}
LIST = """managedDeviceId,Tenant,room
00000000-0000-4000-8000-000000000001,north,1
00000000-0000-4000-8000-000000000002,SOUTH,2
00000000-0000-4000-8000-000000000003,south.example,3
00000000-0000-4000-8000-000000000004,,4
00000000-0000-4000-8000-000000000005,west,5
nonsense,north,6
"""


def read(rows: TenantRows, text: str = LIST) -> tuple[list[int], dict[int, str]]:
    """The lines of the devices that are taken, and the reasons of bad lines."""
    options = IntakeOptions(skip_invalid=True, tenants=rows)
    devices = open_device_list(BytesIO(text.encode()), file_name=None, via=Via.MANAGED_DEVICES, options=options)
    taken = [row.line for page in devices.pages() for row in page.rows if row.verdict is None]
    return taken, {problem.line: problem.reason for problem in devices.report().problems}


def test_each_tenant_takes_its_rows_by_name_or_directory_and_one_takes_the_bad_ones() -> None:
    beside = frozenset({"north", "south"})

    north, bad_of_north = read(TenantRows("north", KNOWN, beside, usual="north"))
    south, bad_of_south = read(TenantRows("south", KNOWN, beside, usual="north", has_bad_rows=False))

    assert (north, south) == ([2, 5], [3, 4])
    assert bad_of_north == {
        6: "there is no tenant 'west' in the settings",
        7: "managedDeviceId 'nonsense' is not a GUID",
    }
    assert bad_of_south == {}


def test_a_row_of_a_tenant_that_is_not_asked_is_bad_and_so_is_one_of_nobody() -> None:
    taken, bad = read(TenantRows("north", KNOWN))

    assert taken == [2]
    assert bad[3] == "its tenant is south, and devices of north are asked"
    assert bad[5] == "its column `tenant` is empty, and no tenant is the default"


def test_a_list_without_such_a_column_is_taken_whole() -> None:
    assert read(TenantRows("north", KNOWN), LIST.replace("Tenant", "Customer"))[0] == [2, 3, 4, 5, 6]


def test_a_header_that_is_repeated_is_no_row_of_a_tenant() -> None:
    text = "managedDeviceId,tenant\n" * 2 + "00000000-0000-4000-8000-000000000001,north\n"

    assert read(TenantRows("north", KNOWN, usual="north"), text) == ([3], {})


def test_the_tenants_of_a_list_are_those_that_its_rows_name() -> None:
    def named(text: str, *, usual: str | None) -> list[str] | None:
        stream, rows = BytesIO(text.encode()), TenantRows("", KNOWN, usual=usual)
        return tenants_of_list(stream, via=Via.MANAGED_DEVICES, options=IntakeOptions(), tenants=rows)

    assert named(LIST, usual=None) == ["north", "south"]
    assert named("deviceName,tenant\nBER-1,south\nBER-2\n", usual="north") == ["south", "north"]
    assert named(LIST.replace("Tenant", "Customer"), usual=None) is None
