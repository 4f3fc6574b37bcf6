from __future__ import annotations

import io
import tracemalloc

from orchestrator.domain.device import Via
from orchestrator.intake.device_list import IntakeOptions, open_device_list
from orchestrator.intake.pages import pack

WIDTH = 300
MEBIBYTE = 1024 * 1024


class Generated(io.RawIOBase):
    """A wide device list that exists only where it is being read."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self._rows, self._row, self._left = rows, 0, ",".join(["Device ID", *map("c{}".format, range(1, WIDTH))]) + "\n"
        self._cells = ",".join(f"value {number}" for number in range(1, WIDTH))

    def read(self, size: int = -1, /) -> bytes:
        while len(self._left) < size and self._row < self._rows:
            self._row += 1
            self._left += f"{self._row:08x}-a7ac-4732-b6fa-dfa7e5c15b62,{self._cells}\n"
        piece, self._left = self._left[:size], self._left[size:]
        return piece.encode()


def most_memory_for(rows: int) -> int:
    tracemalloc.start()
    stream = Generated(rows)
    device_list = open_device_list(
        stream,  # type: ignore[arg-type]  # typeshed: RawIOBase is no BinaryIO
        file_name=None,
        via=Via.MANAGED_DEVICES,
        options=IntakeOptions(),
    )
    stored = sum(len(pack(page.rows)) for page in device_list.pages())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (device_list.report().good, stored > 0) == (rows, True)
    return most


def test_a_file_twice_as_long_takes_no_more_memory_than_its_ids() -> None:
    short, long = most_memory_for(2_000), most_memory_for(3_000)

    assert long < 80 * MEBIBYTE
    assert long - short < 1_000 * 250 + 3 * MEBIBYTE
