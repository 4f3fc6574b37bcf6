"""Which of the encodings that spreadsheets and PowerShell write a file is in."""

from __future__ import annotations

import codecs

from charset_normalizer import from_bytes

from orchestrator.domain.errors import IntakeFailed

BROKEN_BYTES = "muster.windows1252"
"""The error handler to decode with: what is no UTF-8 is read as Windows-1252.

The first pages of a long list are often plain ASCII, and the first name with an umlaut comes after a million bytes;
a stream cannot be read again from its start by then.
"""


def detect_encoding(head: bytes) -> str:
    """The Python name of the encoding of a file that starts with these bytes."""
    for bom, name in _MARKS:
        if head.startswith(bom):
            return name
    start = head[:_FIRST_LINE]
    if start.count(0) * 4 >= len(start) > 0:
        return _two_byte_encoding(start)
    sample = head[: head.rfind(b"\n") + 1] or head
    if _is_utf8(sample):
        return "utf-8"
    best = from_bytes(sample, cp_isolation=["utf_8", "cp1252"]).best()
    # Mixed files please no codec; Windows-1252 has a character for nearly every byte, and ids are ASCII in all of them.
    return "utf-8" if best is not None and best.encoding == "utf_8" else "cp1252"


def _two_byte_encoding(start: bytes) -> str:
    # Every second byte of ASCII text in UTF-16 is 0, and names of columns and ids are ASCII: no 8-bit text comes near.
    even = start[: len(start) // 2 * 2]
    best = from_bytes(even, cp_isolation=["utf_16_le", "utf_16_be"]).best()
    little, big = even[1::2].count(0), even[::2].count(0)
    if abs(little - big) * 4 < len(even) // 2:
        raise IntakeFailed("This is a binary file, not a CSV file. Export the device list as CSV and give that.")
    likelier = "utf_16_le" if little > big else "utf_16_be"
    name = best.encoding if best is not None and best.encoding == likelier else likelier
    return name.replace("_", "-")


def _is_utf8(sample: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _read_as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if error.encoding.startswith("utf-16") or error.encoding.startswith("utf-32"):
        return "\ufffd", error.end
    broken = error.object[error.start : error.end]
    # Five bytes have no character in Windows-1252; browsers read them as control characters, and so do we.
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in broken), error.end


codecs.register_error(BROKEN_BYTES, _read_as_windows_1252)

_FIRST_LINE = 256
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
