from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.cli.invocation import Format
from orchestrator.cli.report_file import refuse_both, refuse_unwritable, write_report
from orchestrator.domain.errors import RequestRejected, TryLater

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


async def pieces(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def write(path: Path, text: str = "line,status\r\n1,accepted\r\n") -> Path:
    refuse_unwritable(path)
    return await write_report(pieces(text[:5], text[5:]), path, job="0198")


def left_beside(path: Path) -> list[str]:
    return [each.name for each in path.parent.iterdir() if each != path]


async def test_a_report_is_new_whole_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"

    assert await write(path) == path

    assert path.read_bytes() == b"line,status\r\n1,accepted\r\n"
    assert left_beside(path) == []
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_dash_is_standard_output_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)

    await write(Path("-"), "line\r\n1\r\n")

    assert capsysbinary.readouterr().out == b"line\r\n1\r\n"
    assert left_beside(tmp_path / "-") == []


def test_a_report_and_a_job_object_are_not_mixed_on_standard_output() -> None:
    refuse_both(Path("-"), Format.TABLE)
    refuse_both(Path("report.csv"), Format.JSON)
    with pytest.raises(RequestRejected, match="Leave one out"):
        refuse_both(Path("-"), Format.JSON)


async def test_what_was_there_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("the report of last night")
    before = path.open()

    await write(path)

    with before:
        assert before.read() == "the report of last night"


async def test_a_report_that_fails_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("the report of last night")

    async def broken() -> AsyncIterator[str]:
        yield "line"
        raise OSError(28, "No space left on device")

    with pytest.raises(TryLater, match="No space left"):
        await write_report(broken(), path, job="0198")

    assert path.read_text() == "the report of last night"
    assert left_beside(path) == []


@ON_POSIX
async def test_a_device_is_written_into_and_stays_a_device(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to(os.devnull)

    assert await write(Path(os.devnull)) == Path(os.devnull)
    assert await write(link) == link

    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)  # noqa: PTH116 - as above, of no file that is waited for
    assert link.is_symlink()


@ON_POSIX
@pytest.mark.parametrize("is_there", [True, False])
async def test_a_link_stays_a_link_and_the_file_behind_it_is_the_report(tmp_path: Path, *, is_there: bool) -> None:
    (tmp_path / "behind").mkdir()
    target, link = tmp_path / "behind" / "report.csv", tmp_path / "link.csv"
    if is_there:
        target.write_text("of last night")
    link.symlink_to(target)

    await write(link)

    assert link.is_symlink()
    assert target.read_text().startswith("line,status")
    assert left_beside(target) == []


@ON_POSIX
async def test_a_named_pipe_is_waited_for_and_written_into(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writing = asyncio.create_task(write(path))
    await asyncio.sleep(0)

    read = await asyncio.to_thread(path.read_text)

    await writing
    assert read.splitlines() == ["line,status", "1,accepted"]
    assert stat.S_ISFIFO(path.stat().st_mode)


@ON_POSIX
async def test_a_pipe_whose_reader_has_enough_is_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    async def texts() -> AsyncIterator[str]:
        yield "line,status\r\n"
        os.close(reader)
        yield "1,accepted\r\n"
        yield "2,accepted\r\n"

    assert await write_report(texts(), path, job="0198") == path


@ON_POSIX
def test_a_socket_is_refused_before_anything_is_called(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(path))

        with pytest.raises(RequestRejected, match="socket"):
            refuse_unwritable(path)


def test_a_folder_and_a_missing_folder_are_refused_before_anything_is_called(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "report.csv"):
        with pytest.raises(RequestRejected):
            refuse_unwritable(path)


async def test_a_report_that_another_program_holds_open_gets_a_second_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.csv"
    for name in ("report.csv", "report (2).csv"):
        (tmp_path / name).write_text("open in Excel")
    replace = Path.replace

    def sharing_violation(self: Path, target: Path) -> Path:
        if target == path:
            raise PermissionError(13, "The process cannot access the file because it is being used by another process")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", sharing_violation)

    written = await write(path)

    assert written == tmp_path / "report (3).csv"
    assert written.read_text().startswith("line,status")
    assert path.read_text() == "open in Excel"
    assert sorted(left_beside(path)) == ["report (2).csv", "report (3).csv"]


async def test_a_single_file_that_is_mounted_is_written_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.csv"
    path.write_text("mounted")

    def busy(_self: Path, _target: Path) -> Path:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)

    await write(path)

    assert path.read_text().startswith("line,status")
    assert left_beside(path) == []
