from __future__ import annotations

import io

import pytest
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import UploadFile

from orchestrator.domain.plain_text import ControlCharacter
from orchestrator.http.json_model import Text
from orchestrator.http.uploads import name_of
from orchestrator.web.form_fields import text_or_none
from orchestrator.web.schedule_fields import Written

CONTROLS = ["\x1b", "\x07", "\x7f", "\x9b", "\u202e", "\u2069"]


@pytest.mark.parametrize("control", CONTROLS)
def test_what_comes_over_http_holds_no_control_character(control: str) -> None:
    for kind in (Text, Written):
        with pytest.raises(ValidationError, match=r"Character 2 is a control character"):
            TypeAdapter(kind).validate_python(f"a{control}b")
    with pytest.raises(ControlCharacter):
        text_or_none(f"a{control}b")


def test_a_text_of_several_lines_becomes_one_line() -> None:
    assert TypeAdapter(Text).validate_python("one\r\ntwo") == "one two"
    assert text_or_none(" one\n\ntwo\n") == "one two"
    assert text_or_none(" \n") is None


def test_thename_of_an_uploaded_file_is_kept_with_symbols() -> None:
    assert name_of(UploadFile(io.BytesIO(), filename="C:\\lists\\de\x1bvices.csv")) == "de\u241bvices.csv"
