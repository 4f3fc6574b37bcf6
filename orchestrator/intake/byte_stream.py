"""The bytes of a file on their way through: counted, hashed and limited."""

from __future__ import annotations

import hashlib
import io
from typing import BinaryIO

from orchestrator.domain.errors import IntakeFailed


class ByteStream(io.RawIOBase):
    """Reads a binary stream once, from where it stands; closing this leaves the stream open."""

    def __init__(self, source: BinaryIO, *, max_bytes: int) -> None:
        super().__init__()
        self._source, self._max_bytes = source, max_bytes
        self._hash = hashlib.sha256()
        self._ahead = b""
        self.count = 0

    @property
    def sha256(self) -> str:
        """Of all that was read so far."""
        return self._hash.hexdigest()

    def peek(self, size: int) -> bytes:
        """The first bytes, as many as asked for unless the stream ends; they will be read again."""
        while len(self._ahead) < size and (piece := self._read(size - len(self._ahead))):
            self._ahead += piece
        return self._ahead

    def readable(self) -> bool:
        """True; TextIOWrapper asks."""
        return True

    def readinto(self, buffer: object, /) -> int:
        """The next bytes into the buffer; 0 at the end."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # typeshed's Buffer is not in Python 3.11
        piece = self._ahead[: len(view)] if self._ahead else self._read(len(view))
        self._ahead = self._ahead[len(piece) :]
        view[: len(piece)] = piece
        return len(piece)

    def _read(self, size: int) -> bytes:
        piece = self._source.read(size)
        self.count += len(piece)
        if self.count > self._max_bytes:
            raise IntakeFailed(
                f"The file is larger than {self._max_bytes:,} bytes, the most that is taken. "
                "Split it, leave out columns that are not needed, or raise MUSTER_MAX_BYTES."
            )
        self._hash.update(piece)
        return piece
