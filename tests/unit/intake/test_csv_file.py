from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import pytest

from orchestrator.domain.errors import IntakeFailed
from orchestrator.intake.csv_file import LONGEST_ROW, CsvFile, CsvRow

HEADER = "Device ID,Name"
PLENTY = 1024**3


class Pipe(io.RawIOBase):
    """What stdin looks like: it cannot seek, and hands out a few bytes at a time."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = content

    def read(self, size: int = -1, /) -> bytes:
        piece = self._content[: min(7, max(size, 0))]
        self._content = self._content[len(piece) :]
        return piece


def rows_of(content: bytes) -> list[CsvRow]:
    return list(CsvFile(io.BytesIO(content), max_bytes=PLENTY).rows())


def cells_of(content: bytes) -> list[list[str]]:
    return [row.cells for row in rows_of(content)]


def problems_of(content: bytes) -> list[tuple[int, str]]:
    return [(row.line, row.problem) for row in rows_of(content) if row.problem]


NAMES = "Id;Name\r\n1;Müller\r\n2;Łódź 東京\r\n"
WESTERN = "Id;Name\r\n1;Müller\r\n2;Ærø \u2013 5 €\r\n"


@pytest.mark.parametrize(
    ("text", "encode", "named"),
    [
        (NAMES, lambda text: text.encode(), "utf-8"),
        (NAMES, lambda text: text.encode("utf-8-sig"), "utf-8-sig"),
        (NAMES, lambda text: text.encode("utf-16"), "utf-16"),
        (NAMES, lambda text: b"\xfe\xff" + text.encode("utf-16-be"), "utf-16"),
        (NAMES, lambda text: text.encode("utf-16-le"), "utf-16-le"),
        (NAMES, lambda text: text.encode("utf-16-be"), "utf-16-be"),
        (
            "Device ID;Name\r\n" + f"{'0' * 36};{'東京都港区' * 9}\r\n" * 500,
            lambda text: text.encode("utf-16-le"),
            "utf-16-le",
        ),
        (
            "Device ID;Name\r\n" + f"{'0' * 36};{'東京都港区' * 9}\r\n" * 500,
            lambda text: text.encode("utf-16-be"),
            "utf-16-be",
        ),
        (WESTERN, lambda text: text.encode("cp1252"), "cp1252"),
        ("Id;Name\n1;Smith\n", lambda text: text.encode(), "utf-8"),
    ],
)
def test_every_encoding_that_spreadsheets_write_is_read(text: str, encode: Callable[[str], bytes], named: str) -> None:
    file = CsvFile(io.BytesIO(encode(text)), max_bytes=PLENTY)

    cells = [row.cells for row in file.rows()]

    assert file.encoding == named
    assert cells == [line.split(";") for line in text.splitlines()]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_name_in_windows_1252_after_a_million_bytes_of_ascii_is_read(mark: bytes) -> None:
    plain = b"".join(b"%d,name\n" % number for number in range(150_000))

    *_, last = cells_of(mark + b"Id,Name\n" + plain + "0,Jörg \u2013 ok\n".encode("cp1252"))

    assert last == ["0", "Jörg \u2013 ok"]


def test_a_byte_that_windows_1252_does_not_know_breaks_nothing() -> None:
    assert cells_of(b"Id,Name\n1,M\xfcller\x81\n")[1] == ["1", "Müller\x81"]


def test_a_file_in_utf_16_that_was_cut_within_a_character_shows_it() -> None:
    content = "Id,Name\n1,Smith\n".encode("utf-16")[:-1]

    assert cells_of(content)[-1] == ["1", "Smith\ufffd"]


@pytest.mark.parametrize(
    ("text", "delimiter", "first"),
    [
        ("a,b\n1,2\n", ",", ["a", "b"]),
        ("a;b\n1;2\n", ";", ["a", "b"]),
        ("a\tb\n1\t2\n", "\t", ["a", "b"]),
        ("alone\n1\n2\n", ",", ["alone"]),
        ('"a, or b";c\n1;2\n', ";", ["a, or b", "c"]),
        ("a, or b;c;d\n1;2;3\n4;5;6\n", ";", ["a, or b", "c", "d"]),
        ("a;b\n1;x, y, z\n2;x, y, z\n", ";", ["a", "b"]),
        ('a,b\n"1;2;3","4;5"\n"6;7;8","9;0"\n', ",", ["a", "b"]),
        ("a\tb, c\n1\tx\n2\ty\n", "\t", ["a", "b, c"]),
        ('"a\nb";c\n1;2\n', ";", ["a\nb", "c"]),
        ("sep=;\na;b,c\n", ";", ["a", "b,c"]),
        ('"sep=;"\r\na;b,c\r\n', ";", ["a", "b,c"]),
        ("SEP=\t\r\na\tb,c\r\n", "\t", ["a", "b,c"]),
        ("sep=|\r\na|b,c\r\n", "|", ["a", "b,c"]),
        ("sep=,\ra,b;c\r1,2\r", ",", ["a", "b;c"]),
        ("\n\nsep=;\na;b,c\n", ";", ["a", "b,c"]),
        ("#TYPE Selected.Device\r\na,b\r\n1,2\r\n", ",", ["a", "b"]),
        ('a, b\n1, "2, 3"\n', ",", ["a", "b"]),
    ],
)
def test_cells_are_separated_as_the_header_or_excel_says(text: str, delimiter: str, first: list[str]) -> None:
    file = CsvFile(io.BytesIO(text.encode()), max_bytes=PLENTY)

    rows = [row.cells for row in file.rows()]

    assert (file.delimiter, rows[0]) == (delimiter, first)


def test_a_blank_after_each_delimiter_does_not_hide_a_quote() -> None:
    assert cells_of(b'a, b\n1, "2, 3"\n')[1] == ["1", "2, 3"]


def test_a_row_has_the_line_of_the_file_that_it_starts_on() -> None:
    content = b"\n" + HEADER.encode() + b'\r\n1,"x\r\ny\rz\n"\r2,b\n\r\n \n,\n3,c'

    assert [(row.line, row.cells) for row in rows_of(content)] == [
        (2, ["Device ID", "Name"]),
        (3, ["1", "x\r\ny\rz\n"]),
        (7, ["2", "b"]),
        (11, ["3", "c"]),
    ]


def test_a_line_for_excel_counts_as_a_line() -> None:
    assert [row.line for row in rows_of(b"sep=;\na;b\n1;2\n")] == [2, 3]


@pytest.mark.parametrize(
    ("content", "problems", "read"),
    [
        # a later quoted cell must not close it in silence
        ('h,n\n1,a\n2,"b\n3,c\n4,"x, y"\n5,e\n', [(3, "has a quote that is not closed")], ["1", "4", "5", "3"]),
        ('h,n\n1,"b\n2,c\n', [(2, "has a quote that is not closed")], ["2"]),
        ('h,n\n1,"b', [(2, "has a quote that is not closed")], []),
        (
            'h,n\n1,"x\ny","b\n2,c\n3,"d"\n',
            [(3, "has a quote that is not closed; its row starts at line 2")],
            ["2", "3"],
        ),
        ('h,n\n1,"b"c\n2,d\n', [(2, "has text after a closing quote")], ["2"]),
        ('"h","n"\n"1,"b"\n"2","c"\n', [(2, "has text after a closing quote")], ["2"]),
        ("h,n\n1,a\0b\n2,c\n", [(2, "contains a NUL byte")], ["2"]),
        (f"h,n\n1,{'x' * 200_000}\n2,c\n", [(2, "has a cell of more than 131,072 characters")], ["2"]),
        (f"h,n\n1,{'x' * 3 * LONGEST_ROW}\n2,c\n", [(2, "has more than 1,048,576 characters")], ["2"]),
        (
            f'h,n\n1,"a\n{"x" * 2 * LONGEST_ROW}\n2,b\n',
            [(2, "has a quote that is not closed"), (3, "has more than 1,048,576 characters")],
            ["2"],
        ),
        (f"h,n\n1,{'x' * LONGEST_ROW}", [(2, "has more than 1,048,576 characters")], []),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_the_others_are_read(
    content: str, problems: list[tuple[int, str]], read: list[str]
) -> None:
    rows = rows_of(content.encode())

    assert [(row.line, row.problem) for row in rows if row.problem] == problems
    assert sorted(row.cells[0] for row in rows[1:] if not row.problem) == sorted(read)


def test_a_quote_that_swallows_half_a_million_characters_costs_one_row_of_the_file() -> None:
    filler = "".join(f"{number},x\n" for number in range(100, 80_000))

    rows = rows_of(f'h,n\n1,"b\n{filler}2,c\n'.encode())

    assert [row.line for row in rows if row.problem] == [2]
    assert rows[-1].cells == ["2", "c"]
    assert len(rows) == 79_900 + 3


@pytest.mark.parametrize("line", ['x","\n', '"\n""x\n', 'x,"""\n""""\n', '"a\n'])
def test_a_file_made_of_stray_quotes_is_read_in_one_pass_and_a_bit(line: str) -> None:
    content = b"h,n\n" + line.encode() * 60_000
    file = CsvFile(io.BytesIO(content), max_bytes=PLENTY)
    lines = 0

    class Counted(list[str]):
        def append(self, text: str, /) -> None:
            nonlocal lines
            lines += 1
            super().append(text)

    original = file._lines.begin_row

    def begin_row() -> None:
        original()
        file._lines.held = Counted()

    file._lines.begin_row = begin_row  # type: ignore[method-assign]  # counts what is read without a clock

    numbers = [row.line for row in file.rows()]

    assert numbers == sorted(set(numbers))
    assert lines <= 3 * content.count(b"\n")


def test_a_quote_left_open_does_not_fill_the_memory() -> None:
    longest = max(len(row.cells) for row in rows_of(b'h,n\n1,"' + b'x","' * 2_000_000))

    assert longest <= 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\r\n \n\t\n", "is empty"),
        (b"PK\x03\x04\x14\x00[Content_Types].xml", r"Excel workbook \(xlsx\).*save it as"),
        (b"PK\x03\x04\x14\x00AllDevices.csv", "ZIP archive.*Unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"old Excel workbook \(xls\).*save it as"),
        (b"PAR1\x15\x04", "Parquet file.*Export"),
        (b"\x1f\x8b\x08\x00", "gzip archive.*Unpack it"),
        (b"%PDF-1.7\n", "PDF document.*Export"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>", "web page"),
        (b'{"value": [{"id": "x"}]}', "JSON"),
        (b'[\n {"id": "x"}]'.replace(b"\n ", b""), "JSON"),
        (bytes(range(64)) + bytes(400), "binary file"),
    ],
)
def test_a_file_that_is_no_csv_gets_one_clear_sentence(content: bytes, words: str) -> None:
    with pytest.raises(IntakeFailed, match=words):
        CsvFile(io.BytesIO(content), max_bytes=PLENTY)


def test_a_pipe_is_read_to_its_end_and_hashed() -> None:
    content = b"".join([b"Id,Name\n", *(b"%d,name\n" % number for number in range(20_000))])
    file = CsvFile(Pipe(content), max_bytes=PLENTY)  # type: ignore[arg-type]  # typeshed: RawIOBase is no BinaryIO

    count = sum(1 for _ in file.rows())

    assert (count, file.bytes_read, file.sha256) == (20_001, len(content), hashlib.sha256(content).hexdigest())


def test_a_file_that_is_too_large_is_refused_as_soon_as_that_is_known() -> None:
    file = CsvFile(io.BytesIO(b"Id,Name\n" + b"1,name\n" * 100_000), max_bytes=300_000)

    with pytest.raises(IntakeFailed, match=r"larger than 300,000 bytes.* MUSTER_MAX_BYTES"):
        list(file.rows())


def test_a_file_of_exactly_the_limit_is_read() -> None:
    content = b"Id,Name\n1,name\n"

    assert len(list(CsvFile(io.BytesIO(content), max_bytes=len(content)).rows())) == 2


def test_reading_leaves_the_stream_of_the_caller_open() -> None:
    stream = io.BytesIO(b"Id,Name\n1,name\n")

    list(CsvFile(stream, max_bytes=PLENTY).rows())

    assert not stream.closed
