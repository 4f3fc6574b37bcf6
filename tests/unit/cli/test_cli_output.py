from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import yaml

from orchestrator.cli.invocation import FIELDS, Format
from orchestrator.cli.output import show_facts, show_rows, stream_rows
from orchestrator.domain.errors import RequestRejected

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


def test_columns_stand_below_each_other_behind_wide_characters(capfd: pytest.CaptureFixture[str]) -> None:
    show_rows([{"name": "東京", "id": "a"}, {"name": "ring", "id": "b"}], Format.TABLE)

    assert capfd.readouterr().out.splitlines() == ["name  id", "東京  a", "ring  b"]


def test_every_time_in_a_table_is_local_with_its_offset(capfd: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 11, 28, 17, tzinfo=UTC)
    words = {
        "last": "started 2026-11-28T17:00:00Z, job a (2026-11-28T17:00:00Z);",
        "file": "b-2026-11-28T17:00:00Z.csv",
    }

    show_rows([words], Format.TABLE)

    line, local = capfd.readouterr().out.splitlines()[1], at.astimezone().isoformat(sep=" ")
    assert line == f"started {local}, job a ({local});  b-2026-11-28T17:00:00Z.csv"


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


@pytest.mark.parametrize("output", [Format.CSV, Format.TSV])
def test_formulas_are_defused_in_cells_and_in_names_of_columns(
    output: Format, capfd: pytest.CaptureFixture[str]
) -> None:
    show_rows([{"line": 2, "=HYPERLINK(1)": "a;=1"}], output)

    assert capfd.readouterr().out.replace("\t", ",") == "line,'=HYPERLINK(1)\n2,a;'=1\n"


@pytest.mark.parametrize(
    ("output", "header"), [(Format.CSV, "id,count\n"), (Format.TSV, "id\tcount\n"), (Format.JSON, "[]\n")]
)
def test_a_list_of_nothing_has_a_header_all_the_same(
    output: Format, header: str, capfd: pytest.CaptureFixture[str]
) -> None:
    show_rows([], output, names=("id", "count"))
    with stream_rows(output, names=("id", "count")):
        pass

    assert capfd.readouterr().out == 2 * header


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


@pytest.fixture
def fields() -> Iterator[None]:
    """Within a test `--fields` names two fields, one of them of an object inside."""
    token = FIELDS.set(("counts.failed", "id"))
    yield
    FIELDS.reset(token)


def test_json_without_a_terminal_is_ascii_and_yaml_too(capfd: pytest.CaptureFixture[str]) -> None:
    for output in (Format.JSON, Format.YAML):
        show_rows(ROWS, output)

        text = capfd.readouterr().out
        assert text.isascii()
        assert yaml.safe_load(text) == ROWS


@pytest.mark.parametrize("pages", [[], [ROWS], [ROWS[:1], ROWS[1:]]])
def test_a_long_list_is_one_yaml_document(
    pages: list[list[dict[str, object]]], capfd: pytest.CaptureFixture[str]
) -> None:
    with stream_rows(Format.YAML) as add:
        for page in pages:
            add(page)

    assert yaml.safe_load(capfd.readouterr().out) == [row for page in pages for row in page]


def test_tsv_has_one_line_for_each_row_whatever_its_cells_hold(capfd: pytest.CaptureFixture[str]) -> None:
    show_rows([{"id": "a", "note": 'two\tparts\r\nand "more"'}], Format.TSV)

    assert capfd.readouterr().out == 'id\tnote\na\ttwo parts  and "more"\n'


@pytest.mark.usefixtures("fields")
def test_fields_are_chosen_in_their_order(capfd: pytest.CaptureFixture[str]) -> None:
    row = {"id": "a", "counts": {"failed": 3}, "other": 1}

    show_rows([row], Format.CSV)
    show_facts(row, Format.JSON)

    out = capfd.readouterr().out
    assert out.startswith("counts.failed,id\n3,a\n")
    assert json.loads(out.partition("3,a\n")[2]) == {"counts.failed": 3, "id": "a"}


@pytest.mark.usefixtures("fields")
def test_a_row_of_plain_values_has_the_field_under_its_last_word(capfd: pytest.CaptureFixture[str]) -> None:
    show_rows([{"id": "a", "failed": 3}], Format.TSV)

    assert capfd.readouterr().out == "counts.failed\tid\n3\ta\n"


@pytest.mark.usefixtures("fields")
def test_a_field_that_an_object_inside_does_not_have_is_refused() -> None:
    with pytest.raises(RequestRejected, match=r"no field 'counts\.failed'"):
        show_rows([{"id": "a", "counts": {"accepted": 1}}], Format.JSON)


@pytest.mark.usefixtures("fields")
def test_a_field_that_is_none_is_refused_and_only_noted_where_something_was_done(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(RequestRejected, match=r"no field 'counts\.failed'; there are id\."):
        show_rows([{"id": "a"}], Format.JSON)
    show_facts({"id": "a"}, Format.JSON, is_strict=False)

    shown = capfd.readouterr()
    assert json.loads(shown.out) == {"counts.failed": None, "id": "a"}
    assert "no field 'counts.failed'" in shown.err


def test_a_table_shows_times_with_their_offset(capfd: pytest.CaptureFixture[str]) -> None:
    show_rows(
        [{"at": "2026-03-02T09:00:00.000Z", "local": "2026-03-02T10:00:00+01:00", "id": "2026-03-02"}], Format.TABLE
    )

    line = capfd.readouterr().out.splitlines()[1]
    at = datetime(2026, 3, 2, 9, tzinfo=UTC).astimezone().isoformat(sep=" ")
    assert line.split("  ") == [at, "2026-03-02 10:00:00+01:00", "2026-03-02"]


def test_a_time_within_a_cell_has_its_offset_too(capfd: pytest.CaptureFixture[str]) -> None:
    show_rows([{"made": "2026-03-02T09:00:00.000Z by somebody", "name": "x2026-03-02T09:00:00Zx"}], Format.TABLE)

    line = capfd.readouterr().out.splitlines()[1]
    at = datetime(2026, 3, 2, 9, tzinfo=UTC).astimezone().isoformat(sep=" ")
    assert line.split("  ") == [f"{at} by somebody", "x2026-03-02T09:00:00Zx"]
