from __future__ import annotations

import csv
import io
import json

import pytest

from orchestrator.cli.invocation import Format
from orchestrator.cli.output import show_facts, show_rows, stream_rows

ROWS = [
    {"id": "a", "count": 1000, "ok": True, "note": None, "parts": ["x", "y"]},
    {"id": "[b]é", "count": 2, "ok": False, "note": "n,\n", "parts": []},
]


def test_a_table_without_a_terminal_is_plain_and_leaves_nothing_out(capfd: pytest.CaptureFixture[str]) -> None:
    show_rows([{"id": "a", "note": "long " * 60}, {"id": "[b]", "note": None}], Format.TABLE)

    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "note"]
    assert lines[1].count("long") == 60
    assert lines[2] == "[b]"


def test_numbers_stand_to_the_right(capfd: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS, Format.TABLE, columns=("id", "count"))

    assert [line[-5:] for line in capfd.readouterr().out.splitlines()] == ["count", "1,000", "    2"]


def test_json_is_the_rows_themselves(capfd: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS, Format.JSON)

    assert json.loads(capfd.readouterr().out) == ROWS


def test_csv_keeps_what_is_no_plain_value_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS, Format.CSV)

    read = list(csv.DictReader(io.StringIO(capfd.readouterr().out, newline="")))
    assert read[0] == {"id": "a", "count": "1000", "ok": "true", "note": "", "parts": '["x", "y"]'}
    assert read[1]["note"] == "n,\n"


@pytest.mark.parametrize("pages", [[], [[]], [ROWS], [ROWS[:1], ROWS[1:], []]])
def test_a_long_list_is_one_array_or_one_csv_however_it_comes(
    pages: list[list[dict[str, object]]], capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [row for page in pages for row in page]

    for output in (Format.JSON, Format.CSV):
        with stream_rows(output) as add:
            for page in pages:
                add(page)
        told = capfd.readouterr().out
        if output is Format.JSON:
            assert json.loads(told) == rows
        else:
            assert len(list(csv.reader(io.StringIO(told, newline="")))) == (len(rows) + 1 if rows else 0)


def test_facts_that_are_not_there_take_no_line(capfd: pytest.CaptureFixture[str]) -> None:
    show_facts({"name": None, "tenant": "default", "why": ""}, Format.TABLE)

    assert capfd.readouterr().out == "tenant  default\n"
