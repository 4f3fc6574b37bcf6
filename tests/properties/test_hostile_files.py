"""Files that nobody exported: they are taken for what they are, or refused with a sentence; nothing else."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.target import TargetFacts, TargetStatus
from orchestrator.intake.device_list import IntakeOptions, open_device_list
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.pages import pack, unpack
from orchestrator.intake.report_csv import report_header, report_rows

GUID = "11111111-2222-3333-4444-555555555555"
CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def _zip(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", text)
    return packed.getvalue()


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "a byte order mark alone": b"\xef\xbb\xbf",
    "half a UTF-16 character": b"\xff\xfeI\x00d",
    "UTF-32": "Device ID\n".encode("utf-32") + f"{GUID}\n".encode("utf-32"),
    "only line ends": b"\r\n" * 10_000,
    "only delimiters": b"," * 100_000 + b"\n" + b";" * 100_000,
    "NULs": b"Device ID\n" + b"\0" * 4096 + b"\n" + GUID.encode(),
    "a quote that never ends": b'Device ID\n"' + b"x" * 300_000,
    "quotes without end": b'"' * 100_001,
    "one cell of five megabytes": b"Device ID,Note\n" + GUID.encode() + b"," + b"x" * 5_000_000,
    "a header of ten thousand columns": b",".join(b"c%d" % n for n in range(10_000)) + b",Device ID\n",
    "the same column a thousand times": b",".join([b"Device ID"] * 1000) + b"\n" + GUID.encode(),
    "a workbook": _zip("<workbook/>"),
    "a bomb": gzip.compress(b"\0" * 50_000_000),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100,
    "a page": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
    "a program": b"\x7fELF" + bytes(range(256)) * 10,
    "JSON": b'{"value": [{"id": "' + GUID.encode() + b'"}]}',
    "formulas behind what splits a cell": b"Device ID,Note\n" + GUID.encode() + b',"x;=1\t@2\r\n+3;""-4-4"""\n',
    "a separator that is none": b"sep=\nDevice ID\n" + GUID.encode(),
    "a separator of letters": b"sep=DeviceID\nDevice ID\n" + GUID.encode(),
    "digits of another script": ("Device ID\n" + GUID.replace("1", "\u0661")).encode(),
    "letters that look alike": ("Device ID\n" + GUID[:-1] + "\u0430").encode(),
    "an id that climbs": b"Device ID\n../../users/" + GUID.encode(),
    "an id with a question": b"Device ID\n" + GUID.encode() + b"?$select=id",
    "an id with a header": b'Device ID\n"' + GUID.encode() + b'\r\nAuthorization: x"',
    "the nil GUID in braces": b"Device ID\n{00000000-0000-0000-0000-000000000000}",
    "formulas everywhere": b"Device ID,=cmd|' /C calc'!A0\n" + GUID.encode() + b',"=HYPERLINK(""http://x"")"\n',
    "text that runs backwards": ("Device ID,\u202eeman\n" + GUID + ",\u202egnp.exe").encode(),
    "lone halves of characters": b"Device ID,Note\n" + GUID.encode() + b",\xed\xa0\x80\n",
    "overlong encodings": b"Device ID,Note\n" + GUID.encode() + b",\xc0\xaf\xe0\x80\xaf\n",
    "line ends of all kinds": b"Device ID\r" + GUID.encode() + b"\n\r\r\n\x0b\x0c\x85\xe2\x80\xa8" + GUID.encode(),
    "a report of ours with a lie": b"line,managedDeviceId,status\n1,=" + GUID.encode() + b",failed\n",
}


def taken(content: bytes, via: Via = Via.MANAGED_DEVICES, **options: object) -> tuple[list[InputRow], int] | str:
    """The rows that were read and how many devices would be called, or why the file is refused."""
    chosen = IntakeOptions(**options)  # type: ignore[arg-type] # what it is given is what the test names
    try:
        devices = open_device_list(io.BytesIO(content), file_name="list.csv", via=via, options=chosen)
        rows = [row for page in devices.pages(size=50) for row in page.rows]
    except IntakeFailed as refusal:
        return str(refusal)
    report = devices.report()
    assert report.rows == len(rows)
    assert report.good + report.duplicates + report.rejected == report.rows
    return rows, report.good


def judge(content: bytes, via: Via = Via.MANAGED_DEVICES, **options: object) -> None:
    """What must hold of any file at all."""
    answer = taken(content, via, **options)
    if isinstance(answer, str):
        assert 10 < len(answer) < 2000
        assert answer.isprintable()
        return
    rows, good = answer
    called = [row.device for row in rows if row.verdict is None and row.device is not None]
    assert len(called) == good == len(set(called))
    assert all(CANONICAL.fullmatch(device.ids[-1]) for device in called if via.columns[-1] == "managedDeviceId")
    assert all("/" not in each and ".." not in each for device in called for each in device.ids)
    lines = [row.line for row in rows]
    assert lines == sorted(set(lines))
    assert unpack(pack(rows)) == [row if row.verdict is not None else InputRow(row.line, row.cells) for row in rows]
    _judge_report(rows, via)


def _judge_report(rows: list[InputRow], via: Via) -> None:
    width = max((len(row.cells) for row in rows), default=0)
    columns = [f"c{number}" for number in range(width)]
    facts = {
        row.line: TargetFacts(row.line, row.device.key if row.device else "", TargetStatus.ACCEPTED) for row in rows
    }
    text = report_header(via, columns) + report_rows(rows, facts, via=via, columns=width, statuses=None)
    usual = csv.field_size_limit(100_000_000)
    try:
        read = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    finally:
        csv.field_size_limit(usual)
    assert len(read) == len(rows) + 1
    assert {len(row) for row in read} == {len(read[0])}
    harmless = re.compile(r"-(?:\d+(?:[.,]\d+)?)?", re.ASCII)
    cells = (cell for row in read[1:] for cell in row)
    assert not [cell for cell in cells if FORMULA.match(cell) and not harmless.fullmatch(cell)]
    parts = [part.lstrip(' "') for row in read for cell in row for part in re.split(r"[;\t\r\n]", cell)[1:]]
    assert not [part for part in parts if FORMULA.match(part) and not harmless.fullmatch(part)]


@pytest.mark.parametrize("skip_invalid", [False, True], ids=["strict", "skipping"])
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_taken_for_what_it_is_or_refused(content: bytes, *, skip_invalid: bool) -> None:
    judge(content, skip_invalid=skip_invalid)


@pytest.mark.parametrize(
    "name",
    [
        "digits of another script",
        "letters that look alike",
        "an id that climbs",
        "an id with a question",
        "an id with a header",
        "the nil GUID in braces",
    ],
)
def test_what_only_looks_like_an_id_is_never_called(name: str) -> None:
    answer = taken(HOSTILE[name])

    assert isinstance(answer, str) or answer[1] == 0


def _pieces() -> st.SearchStrategy[bytes]:
    words = [
        "Device ID",
        "managedDeviceId",
        "Id",
        "OS",
        "sep=",
        '"',
        '""',
        ",",
        ";",
        "\t",
        "\r",
        "\n",
        "\r\n",
        "=",
        "\0",
    ]
    known = st.sampled_from([*words, GUID, GUID.upper(), f"{{{GUID}}}", "DeviceId", "TrustType", "line", "status"])
    return st.one_of(known.map(str.encode), st.uuids().map(lambda guid: str(guid).encode()), st.binary(max_size=12))


@given(st.lists(_pieces(), max_size=60).map(b"".join), st.booleans(), st.sampled_from(list(Via)))
@example(b"Device ID\n" + GUID.encode() + b"\r\n\r", True, Via.MANAGED_DEVICES)  # noqa: FBT003 - likewise
def test_no_bytes_at_all_break_the_intake(content: bytes, skip_invalid: bool, via: Via) -> None:  # noqa: FBT001 - Hypothesis' way
    judge(content, via, skip_invalid=skip_invalid, only_eligible=skip_invalid)


@given(st.data())
def test_no_damage_to_a_good_file_makes_a_device_of_what_is_none(data: st.DataObject) -> None:
    guids = data.draw(st.lists(st.uuids().map(str), min_size=1, max_size=20, unique=True))
    content = bytearray(("Device ID,OS\n" + "".join(f"{guid},Windows\n" for guid in guids)).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content)))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))

    judge(bytes(content), skip_invalid=data.draw(st.booleans()))


@given(st.binary(min_size=1, max_size=400), st.integers(1, 50))
def test_limits_hold_whatever_the_file_is(content: bytes, most: int) -> None:
    answer = taken(b"Device ID\n" + content, max_rows=most, max_bytes=200, skip_invalid=True)

    assert isinstance(answer, str) or len(answer[0]) <= most
