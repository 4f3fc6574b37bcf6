"""The recipes of docs/recipes.md, applied: an option and an action are declared once, and every edge has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import click
import jinja2
import pytest
from click.testing import CliRunner
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from orchestrator.cli.option_types import click_options, with_options
from orchestrator.domain.action import Action
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.job_spec import JobSpec
from orchestrator.domain.options import (
    DeclaredOption,
    Option,
    OptionInvalid,
    assembled,
    declared,
    packed,
    replaced,
    unpacked,
)
from orchestrator.domain.schedule import SCHEDULE_OPTIONS, Rules
from orchestrator.http import option_fields
from orchestrator.http.json_model import JsonModel, Text

PRODUCT = Path(__file__).parents[2] / "orchestrator"
TEMPLATES = PRODUCT / "web" / "templates"


@dataclass(frozen=True, slots=True)
class MoreRules(Rules):
    """The rules of a schedule with one option more, as the recipe adds it."""

    most_retries: Annotated[
        int, Option("Retries of one run at most.", label="Retries", note="None is 0.", metavar="N", at_most=9)
    ] = 3


MOST_RETRIES = declared(MoreRules)[-1]


def a_command(options: tuple[DeclaredOption, ...]) -> click.Command:
    @click.command()
    @with_options(*click_options(options))
    def show(**values: Any) -> None:
        click.echo(repr(values))

    return show


@option_fields.with_options(declared(MoreRules), Text)
class _Body(JsonModel):
    """The body of a request."""


def test_a_new_option_is_an_option_of_the_command_line() -> None:
    command = a_command(declared(MoreRules))

    told = CliRunner().invoke(command, ["--help"]).output
    taken = CliRunner().invoke(command, ["--most-retries", "9"])
    refused = CliRunner().invoke(command, ["--most-retries", "10"])

    assert re.search(r"--most-retries N +Retries of one run at most\.\s+\[default: 3;\s+0<=x<=9\]", told)
    assert "'most_retries': 9" in taken.output
    assert (refused.exit_code, "'10' is no whole number from 0 to 9." in refused.output) == (2, True)


def test_a_new_option_is_a_field_of_the_api() -> None:
    schema = _Body.model_json_schema()["properties"]["mostRetries"]

    with pytest.raises(ValidationError, match="'10' is no whole number from 0 to 9"):
        _Body.model_validate({"mostRetries": 10})

    assert {name: schema[name] for name in ("type", "default", "minimum", "maximum", "description")} == {
        "type": "integer",
        "default": 3,
        "minimum": 0,
        "maximum": 9,
        "description": "Retries of one run at most.",
    }
    assert _Body.model_validate({"mostRetries": 9}).model_dump()["most_retries"] == 9


def test_a_new_option_is_a_field_of_the_form() -> None:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    draw: Any = environment.get_template("parts.html").module

    field = str(draw.option_field(MOST_RETRIES, 7))

    assert '<label for="most_retries">Retries</label>' in field
    assert 'name="most_retries" value="7"' in field
    assert "<p>None is 0.</p>" in field


def test_a_new_option_is_stored_and_changed() -> None:
    rules = MoreRules(most_retries=5, tolerate=12)
    kept = packed(rules)

    assert assembled(MoreRules, unpacked(MoreRules, kept)) == rules
    assert replaced(rules, {"most_retries": "8", "cron": "0 2 * * *"}) == MoreRules(most_retries=8, tolerate=12)
    # The release before keeps no such option, and reads a schedule that has one.
    assert assembled(MoreRules, unpacked(MoreRules, packed(Rules()))) == MoreRules()
    assert assembled(Rules, unpacked(Rules, kept)) == Rules(tolerate=12)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("tolerate", "101"),
        ("canary", "many"),
        ("brake_share", "0"),
        ("overlap", "hug"),
        ("priority", "urgent"),
        ("jitter", "soon"),
        ("until", "25:00"),
        ("until", "06:00+01:00"),
    ],
)
def test_a_bad_value_is_answered_with_one_sentence_everywhere(name: str, bad: str) -> None:
    option = next(each for each in SCHEDULE_OPTIONS if each.name == name)
    body = option_fields.with_options([option], Text)(JsonModel)
    form = option_fields.with_options([option], Text, is_form=True)(JsonModel)

    with pytest.raises(RequestRejected, match=re.escape(bad)) as refused:
        option.read(bad)
    sentence = str(refused.value)
    said = CliRunner().invoke(a_command((option,)), [f"--{option.flag}", bad], terminal_width=400)
    answers = []
    for model in (body, form):
        with pytest.raises(ValidationError) as answered:
            model.model_validate({to_camel(name): bad})
        answers.append(answered.value.errors()[0]["msg"])

    assert f"Invalid value for '--{option.flag}': {sentence}" in " ".join(said.output.split())
    assert answers == [sentence, sentence]


def test_the_bounds_hold_where_a_specification_is_made_of_values() -> None:
    with pytest.raises(OptionInvalid):
        assembled(Rules, {"tolerate": 101})


def test_each_option_of_a_job_has_a_field_on_the_page_of_a_new_one() -> None:
    page = (TEMPLATES / "new_job.html").read_text(encoding="utf-8")

    assert [each.name for each in declared(JobSpec) if f'name="{to_camel(each.name)}"' not in page] == []


def test_an_option_of_a_schedule_is_in_four_files_at_most() -> None:
    found = files_with(r"\btolerate\b|\btolerate_?percent\b")

    assert PRODUCT / "domain" / "schedule.py" in found
    assert len(found) <= 4, found


def test_all_actions_are_named_in_two_files_at_most() -> None:
    every = [files_with(rf"\b{each.value}\b|\b{each.name}\b") for each in Action]
    both = set.intersection(*map(set, every))

    assert PRODUCT / "domain" / "action.py" in both
    assert len(both) <= 2, both
    assert all(each.label and each.effect for each in Action)


def files_with(pattern: str) -> list[Path]:
    """Modules and templates of the product in which the pattern occurs, in any letter case."""
    files = [*PRODUCT.rglob("*.py"), *TEMPLATES.glob("*.html")]
    return [each for each in files if re.search(pattern, each.read_text(encoding="utf-8"), re.IGNORECASE)]
