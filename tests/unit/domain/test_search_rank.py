"""How well a text fits the names of a thing."""

from __future__ import annotations

import pytest

from orchestrator.domain.search_rank import Rank, rank_of


@pytest.mark.parametrize(
    ("text", "names", "rank"),
    [
        ("ber-lt-0412", ["BER-LT-0412", "SN-1"], Rank.EXACT),
        (" BER-LT-0412 ", ["ber-lt-0412"], Rank.EXACT),
        ("ber", ["BER-LT-0412"], Rank.BEGINS),
        ("lt-04", ["BER-LT-0412"], Rank.WORD_BEGINS),
        ("er", ["super-erbium"], Rank.WORD_BEGINS),
        ("412", ["BER-LT-0412"], Rank.CONTAINS),
        ("anna", [None, "MUC-1", "anna.berg@contoso.com"], Rank.BEGINS),
        ("berlin", ["BER-LT-0412"], Rank.BY_OTHER_FACTS),
        ("berlin", [None], Rank.BY_OTHER_FACTS),
    ],
)
def test_a_whole_name_ranks_before_a_beginning_and_a_beginning_before_a_part(
    text: str, names: list[str | None], rank: Rank
) -> None:
    assert rank_of(text, names) is rank
