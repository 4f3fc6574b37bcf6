"""Which of the encodings that spreadsheets and PowerShell write a file is in."""

from __future__ import annotations

import codecs

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
    if two_byte := _two_byte_encoding(head[:_FIRST_LINES]):
        return two_byte
    sample = head[: head.rfind(b"\n") + 1] or head
    if _is_utf8(sample):
        return "utf-8"
    from charset_normalizer import from_bytes  # noqa: PLC0415 - few files need it

    best = from_bytes(sample, cp_isolation=["utf_8", "cp1252"]).best()
    # Mixed files please no codec; Windows-1252 has a character for nearly every byte, and ids are ASCII in all of them.
    return "utf-8" if best is not None and best.encoding == "utf_8" else "cp1252"


def _two_byte_encoding(start: bytes) -> str | None:
    # Every second byte of ASCII in UTF-16 is 0, and names of columns and ids are ASCII.
    even = start[: len(start) // 2 * 2]
    fewer, more = sorted((even[::2].count(0), even[1::2].count(0)))
    if more * 8 >= len(even) > 0 and fewer * 10 <= more:
        return "utf-16-be" if even[::2].count(0) == more else "utf-16-le"
    if (fewer + more) * 4 >= len(even) > 0:
        raise IntakeFailed("This is a binary file, not a CSV file. Export the device list as CSV and give that.")
    return None


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

_FIRST_LINES = 256
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
