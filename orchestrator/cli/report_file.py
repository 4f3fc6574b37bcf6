"""The report as a file: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

from orchestrator.domain.errors import RequestRejected, TryLater


def refuse_unwritable(path: Path, *, never: Path | None = None) -> None:
    """RequestRejected where no report could be written, said before any device is called; `never` is the input."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise RequestRejected(
            f"The folder {folder} for the report does not exist. Make it, or name another (--report)."
        )
    if path.is_dir() or not os.access(folder, os.W_OK):
        raise RequestRejected(f"The report cannot be written to {path.absolute()}. Name another file with --report.")
    if never is not None and path.exists() and never.exists() and path.samefile(never):
        raise RequestRejected("The report would replace the device list itself. Name another file with --report.")


async def write_report(pieces: AsyncIterator[str], path: Path, *, job: str) -> None:
    """Write beside the path and move it there at the end; TryLater where there is no room for it."""
    wanted = os.fspath(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                async for piece in pieces:
                    file.write(piece)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as problem:
        raise TryLater(
            f"The report could not be written to {wanted}: {problem.strerror or problem}. Nothing is lost: "
            f"`muster job report {job} --file PATH` writes it whenever there is room."
        ) from problem
