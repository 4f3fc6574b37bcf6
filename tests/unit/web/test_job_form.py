"""The form of a new job: which source counts, and what its fields become."""

from __future__ import annotations

import pytest

from orchestrator.domain.conditions import parse_condition
from orchestrator.domain.selection import Selection, selection_of
from orchestrator.web.job_form import Chosen, _chosen, _decisions, _lines, _source_of, chosen_by_address, chosen_from

WHERE = Selection(conditions=(parse_condition("name=BER-*"), parse_condition("last-contact<30d")))
ROWS = [("name", "=", "BER-*"), ("last-contact", "<", "30d")]


@pytest.mark.parametrize(
    ("sent", "has_file", "source"),
    [
        ({}, False, "file"),
        ({"pasted": "BER-1"}, False, "pasted"),
        ({"pasted": "BER-1"}, True, "file"),
        ({"pasted": "BER-1", "source": "pasted"}, True, "pasted"),
        ({"source": "nonsense"}, False, "file"),
        ({"source": "group"}, True, "group"),
    ],
)
def test_the_chosen_source_counts_and_without_one_the_file(
    sent: dict[str, str], *, has_file: bool, source: str
) -> None:
    assert _chosen(sent, {}, has_file=has_file).source == source


def test_rows_of_conditions_become_conditions_and_empty_ones_do_not_count() -> None:
    sent = {
        "source": "where",
        "where-field": ("name", "os", "last-contact"),
        "where-operator": ("=", "=", "<"),
        "where-value": ("BER-*", " ", "30d"),
    }

    chosen = _chosen(sent, {"list": "fleet"}, has_file=False)

    assert _source_of(chosen) == {"where": ("name=BER-*", "last-contact<30d")}
    assert chosen.rows == [*ROWS, ("last-contact", "<", ""), ("user", "=", "")]


def test_pasted_names_are_lines_without_blanks() -> None:
    assert _lines(" BER-LT-0412\r\n\r\nMUC-PC-1187 \n") == ["BER-LT-0412", "MUC-PC-1187"]


def test_decisions_name_lines_and_what_is_none_is_dropped() -> None:
    fields = {
        "choice-118": "some-id",
        "choice-7": "out",
        "choice-x": "out",
        "choice-9": "",
        "instead-7": "BER-1",
        "instead-8": " BER-2 ",
        "instead-9": "",
        "choice-" + "9" * 40: "out",
    }

    assert _decisions(fields) == {118: "some-id", 7: "out", 8: "BER-2"}


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (None, Chosen()),
        (Selection(list_name="fleet"), Chosen("list", list_name="fleet")),
        (Selection(group="Kiosks of Berlin"), Chosen("group", group="Kiosks of Berlin")),
        (Selection(devices=("BER-1", "BER-2")), Chosen("pasted", pasted="BER-1\nBER-2")),
        (WHERE, Chosen("where", conditions=ROWS)),
    ],
)
def test_a_form_is_filled_with_the_source_of_an_old_job(selection: Selection | None, chosen: Chosen) -> None:
    assert chosen_from(selection) == chosen


@pytest.mark.parametrize(
    ("source", "selection", "chosen", "is_filled"),
    [
        ("", Selection(), Chosen(), False),
        ("device", Selection(), Chosen("pasted"), False),
        ("where", Selection(), Chosen("where"), False),
        ("nonsense", Selection(), Chosen(), False),
        ("device", Selection(devices=("BER-1",)), Chosen("pasted", pasted="BER-1"), True),
        ("file", Selection(list_name="fleet"), Chosen("list", list_name="fleet"), True),
        ("", WHERE, Chosen("where", conditions=ROWS), True),
    ],
)
def test_a_link_fills_the_form_in_with_what_it_names(
    source: str, selection: Selection, chosen: Chosen, *, is_filled: bool
) -> None:
    found = chosen_by_address(source, selection)

    assert found == chosen
    assert found.is_filled is is_filled


@pytest.mark.parametrize("selection", [Selection(group="Kiosk and more"), WHERE, Selection(devices=("BER-1", "BER-2"))])
def test_the_label_of_a_selection_is_read_back(selection: Selection) -> None:
    assert selection_of(selection.label) == selection
