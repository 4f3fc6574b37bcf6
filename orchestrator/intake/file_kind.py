"""Files that are no text at all: named by their first bytes, so that the refusal says what to do."""

from __future__ import annotations

import re
from itertools import islice

from orchestrator.domain.errors import IntakeFailed


def refuse_other_formats(head: bytes) -> None:
    """IntakeFailed with one clear sentence, if these first bytes are not those of a text file."""
    if head.startswith(b"PK\x03\x04"):
        raise IntakeFailed(_WORKBOOK if _is_workbook(head) else _ZIP)
    for magic, sentence in _SENTENCES:
        if head.startswith(magic):
            raise IntakeFailed(sentence)
    start = head[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise IntakeFailed("This is a web page or XML, not a CSV file. Download the export itself and give that.")
    if start.startswith((b'{"', b"[{", b'["')) or (start[:1] == b"{" and start[1:].lstrip().startswith(b'"')):
        raise IntakeFailed("This is JSON, not a CSV file. Write the device ids as CSV and give that.")


def refuse_printed_output(sample: str) -> None:
    """IntakeFailed, if this start of a text is what PowerShell prints for people and not what it exports."""
    lines = [text for match in islice(_LINES.finditer(sample), _LINES_LOOKED_AT) if (text := match[0].strip())]
    if _FORMAT_OBJECTS in sample[:_FIRST_OBJECTS].casefold():
        raise IntakeFailed(
            "This is the output of Format-Table or Format-List, exported: it holds how to print the devices and not "
            f"the devices. {_EXPORT_OBJECTS}"
        )
    above = ""
    for line in lines:
        if above and _RULE.fullmatch(line) and len(line.split()) <= len(above.split()):
            raise IntakeFailed(
                f"This is the output of Format-Table, made to be read and not a CSV file. {_EXPORT_OBJECTS}"
            )
        above = line
    if len(lines) > 1 and all(_LIST_LINE.match(line) for line in lines[:_LIST_LINES]):
        raise IntakeFailed(f"This is the output of Format-List, made to be read and not a CSV file. {_EXPORT_OBJECTS}")


def _is_workbook(head: bytes) -> bool:
    return b"[Content_Types].xml" in head or b"xl/" in head or b"_rels/" in head


_SAVE_AS = "Open it and save it as “CSV UTF-8 (comma delimited)”, then give that file."
_WORKBOOK = f"This is an Excel workbook (xlsx), not a CSV file. {_SAVE_AS}"
_ZIP = "This is a ZIP archive, as Intune's export makes it. Unpack it and give the CSV file inside."
_SENTENCES = (
    (b"\xd0\xcf\x11\xe0", f"This is an old Excel workbook (xls), not a CSV file. {_SAVE_AS}"),
    (b"PAR1", "This is a Parquet file, not a CSV file. Export the device list as CSV and give that."),
    (b"\x1f\x8b", "This is a gzip archive. Unpack it and give the CSV file inside."),
    (b"BZh", "This is a bzip2 archive. Unpack it and give the CSV file inside."),
    (b"7z\xbc\xaf\x27\x1c", "This is a 7-Zip archive. Unpack it and give the CSV file inside."),
    (b"\x28\xb5\x2f\xfd", "This is a Zstandard archive. Unpack it and give the CSV file inside."),
    (b"%PDF", "This is a PDF document, not a CSV file. Export the device list as CSV and give that."),
    (b"SQLite format 3\x00", "This is a SQLite database, not a CSV file. Give the device list as CSV."),
)
_EXPORT_OBJECTS = (
    "Put Select-Object and Export-Csv in its place: … | Select-Object Id, DeviceName, ManagementAgent | "
    "Export-Csv devices.csv -NoTypeInformation -Encoding utf8."
)
_FORMAT_OBJECTS = "classid2e4f51ef21dd47e99d3c952918aff9cd"
_FIRST_OBJECTS = 4096
_LINES = re.compile(r"[^\r\n]+")
_LINES_LOOKED_AT = 10
_RULE = re.compile(r"-{2,}(?:\s+-+)*")
_LIST_LINE = re.compile(r"[A-Za-z]\w* +: ")
_LIST_LINES = 5
