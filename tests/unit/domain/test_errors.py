from __future__ import annotations

import inspect
import re

from orchestrator.domain import errors
from orchestrator.domain.errors import CannotContinue, MusterError, RequestRejected, TryLater, UnknownTenant

BRANCHES = {RequestRejected, TryLater, CannotContinue}


def raised_on_purpose() -> dict[str, type[MusterError]]:
    return {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, MusterError) and kind.__module__ == errors.__name__
    }


def test_the_drawing_shows_the_whole_tree() -> None:
    drawn = set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", errors.__doc__ or ""))

    assert drawn == set(raised_on_purpose())


def test_everything_hangs_on_a_branch_that_says_what_to_do() -> None:
    leaves = [kind for kind in raised_on_purpose().values() if kind is not MusterError and kind not in BRANCHES]

    assert leaves
    assert all(sum(issubclass(leaf, branch) for branch in BRANCHES) == 1 for leaf in leaves)


def test_of_a_thousand_tenants_those_are_named_that_may_be_meant() -> None:
    names = tuple(f"customer-{number:04d}" for number in range(1000))

    said = str(UnknownTenant("custmer-0512", names))

    assert "customer-0512" in said
    assert "1000 in all" in said
    assert len(said) < 400


def test_where_no_tenant_is_named_the_sentence_says_how_to_name_one() -> None:
    said = str(UnknownTenant("default", ("north", "south")))

    assert said.startswith("No tenant is named, and none of the 2 in the settings is the default.")
    assert "--tenant (north, south)" in said
