"""The CSV inside the zip file of an export job."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

from orchestrator.domain.errors import IntakeFailed

MOST_UNPACKED = 2 * 1024**3
"""Bytes of the CSV: about ten million devices."""


@contextmanager
def opened_report(file: BinaryIO) -> Iterator[BinaryIO | None]:
    """The bytes of the one CSV in a zip file; None where it is empty.

    IntakeFailed where it is no such zip file, or would unfold into more than `MOST_UNPACKED`. The reader of the stream
    counts as well: the size that a zip file declares may be false.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            reports = [entry for entry in entries[:_MOST_ENTRIES] if entry.filename.casefold().endswith(".csv")]
            if len(entries) > _MOST_ENTRIES or len(reports) != 1:
                raise IntakeFailed("The downloaded report is a zip file without exactly one CSV in it.")
            [report] = reports
            if report.file_size > MOST_UNPACKED:
                raise IntakeFailed("The downloaded report would unfold into more than is read at most.")
            if report.file_size == 0:
                yield None
                return
            with archive.open(report) as stream:
                yield cast("BinaryIO", _Checked(stream))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as problem:
        raise IntakeFailed("The downloaded report is no zip file that can be read.") from problem


class _Checked:
    """Reads a stream of a zip file; damage in the middle is IntakeFailed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes."""
        try:
            return self._stream.read(size)
        except Exception as problem:
            # zlib.error, lzma.LZMAError, BadZipFile, OSError: each compression has its own.
            raise IntakeFailed("The downloaded report is damaged.") from problem


_MOST_ENTRIES = 16
