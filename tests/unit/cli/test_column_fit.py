from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.column_fit import fit_columns
from orchestrator.cli.tenants import CHECK_RANK

WIDTHS = {"id": 36, "status": 9, "action": 20, "devices": 7, "reason": 300, "name": 30}
RANK = ("id", "status", "reason", "action", "devices", "name")


def test_all_columns_stay_where_there_is_room() -> None:
    fitting = fit_columns(WIDTHS, 500, rank=RANK)

    assert fitting.columns == tuple(WIDTHS)
    assert fitting.dropped == ()


def test_columns_are_left_out_by_rank_and_shown_in_their_order() -> None:
    fitting = fit_columns(WIDTHS, 80, rank=RANK)

    assert fitting.columns == ("id", "status", "devices", "reason")
    assert fitting.dropped == ("action", "name")


def test_a_narrow_column_takes_the_room_that_a_wide_one_before_it_does_not_fit() -> None:
    fitting = fit_columns({"id": 12, "status": 22, "action": 31, "failed": 6}, 60, rank=("id", "status", "action"))

    assert fitting.columns == ("id", "status", "failed")


def test_free_text_may_be_folded_and_everything_else_keeps_its_width() -> None:
    fitting = fit_columns({"id": 36, "reason": 300}, 60, rank=("id", "reason"))

    assert fitting.columns == ("id", "reason")
    assert fitting.width == 36 + 2 + 20


def test_free_text_is_folded_between_its_words_where_another_column_can_make_room() -> None:
    widths, words = {"name": 28, "value": 80, "from": 19}, {"value": (62, 36)}

    wide = fit_columns(widths, 80, rank=tuple(widths), words=words)
    narrow = fit_columns(widths, 60, rank=tuple(widths), words=words)

    assert (wide.least, wide.dropped) == ({"name": 28, "value": 36}, ("from",))
    assert (narrow.least, narrow.dropped) == ({"name": 28, "value": 20}, ("from",))


def test_one_very_long_name_leaves_the_names_of_all_devices_in_the_table() -> None:
    fitting = fit_columns({"deviceName": 400, "device": 36, "status": 9}, 80, rank=("device", "status", "deviceName"))

    assert fitting.columns == ("deviceName", "device", "status")


def test_ids_and_statuses_stay_even_where_they_are_wider_than_the_terminal() -> None:
    fitting = fit_columns(WIDTHS, 30, rank=("name", "action", "id", "status"))

    assert fitting.columns == ("id", "status", "name")
    assert fitting.width == 36 + 9 + 30 + 4


@given(
    st.dictionaries(st.sampled_from([*"abcdefg", "id", "status", "reason"]), st.integers(1, 60), min_size=1),
    st.integers(1, 300),
    st.randoms(),
)
def test_what_is_shown_fits_unless_only_essential_columns_are_left(
    widths: dict[str, int], room: int, chance: Random
) -> None:
    rank = list(widths)
    chance.shuffle(rank)

    fitting = fit_columns(widths, room, rank=rank)

    assert sorted((*fitting.columns, *fitting.dropped)) == sorted(widths)
    assert fitting.width <= room or set(fitting.columns) <= {"id", "status", rank[0]}


def test_a_narrow_table_of_checked_tenants_says_why_one_cannot_be_used() -> None:
    widths = {"tenant": 10, "usable": 6, "reachable": 9, "permission": 10, "note": 160}

    assert "note" in fit_columns(widths, 60, rank=CHECK_RANK, folds={"note"}).columns
