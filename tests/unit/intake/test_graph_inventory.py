"""Downloaded reports and managed devices of Graph, as the inventory takes them."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime

import pytest

from orchestrator.domain.errors import IntakeFailed
from orchestrator.intake.managed_device import devices_in
from orchestrator.intake.report_archive import opened_report

ID = "0aBBccdd-0000-4000-8000-000000000001"


def packed(*files: tuple[str, bytes]) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    stream.seek(0)
    return stream


def test_the_csv_of_a_report_is_read_and_an_empty_one_is_none() -> None:
    with opened_report(packed(("Devices.csv", b"DeviceId\n"))) as stream:
        assert stream is not None
        assert stream.read(100) == b"DeviceId\n"
    with opened_report(packed(("Devices.csv", b""))) as stream:
        assert stream is None


@pytest.mark.parametrize(
    "files", [(), (("a.csv", b"x"), ("b.csv", b"y")), (("a.json", b"{}"),), tuple((f"{n}.csv", b"") for n in range(17))]
)
def test_a_zip_file_without_exactly_one_csv_is_refused(files: tuple[tuple[str, bytes], ...]) -> None:
    with pytest.raises(IntakeFailed, match="exactly one CSV"), opened_report(packed(*files)):
        pass


def test_a_report_that_would_unfold_into_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.intake.report_archive.MOST_UNPACKED", 1_000_000)

    with pytest.raises(IntakeFailed, match="unfold"), opened_report(packed(("Devices.csv", bytes(1_000_001)))):
        pass


def test_what_is_no_zip_file_or_is_damaged_is_refused() -> None:
    with pytest.raises(IntakeFailed, match="no zip file"), opened_report(io.BytesIO(b"<html>sign in</html>")):
        pass
    damaged = bytearray(packed(("Devices.csv", bytes(range(256)) * 50)).getvalue())
    damaged[60:90] = bytes(30)
    with opened_report(io.BytesIO(bytes(damaged))) as stream:
        assert stream is not None
        with pytest.raises(IntakeFailed, match="damaged"):
            stream.read()


def test_a_managed_device_has_the_fields_of_the_inventory() -> None:
    value = {
        "id": ID,
        "deviceName": " PC-1 ",
        "azureADDeviceId": "00000000-0000-0000-0000-000000000000",
        "managementAgent": "mdm",
        "operatingSystem": "Windows",
        "lastSyncDateTime": "2026-11-01T08:00:00.1234567Z",
        "configurationManagerClientInformation": {"clientIdentifier": f"GUID:{ID.upper()}"},
        "serialNumber": 7,
    }

    ids, [device] = devices_in([value, {"id": "no guid"}, None, {**value, "id": None}])
    known = devices_in([value], besides=ids)

    assert (ids, known) == ({ID.lower()}, ({ID.lower()}, []))
    assert (device.id, device.name, device.serial_number, device.entra_device_id) == (ID.lower(), "PC-1", None, None)
    assert (device.configmgr_id, device.is_eligible) == (ID.lower(), False)
    assert device.last_contact_at == datetime(2026, 11, 1, 8, tzinfo=UTC)
