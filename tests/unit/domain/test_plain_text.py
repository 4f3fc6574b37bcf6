from __future__ import annotations

import json

import pytest

from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.plain_text import escaped_json, plain_text, shown, shown_lines

CONTROLS = [*map(chr, range(32)), "\x7f", *map(chr, range(0x80, 0xA0)), *"\u061c\u200e\u200f\u2028\u2029"]
CONTROLS += [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufff9\ufffb", "\U000e0041", "\udc9b"]


def test_a_control_character_is_refused_where_people_write() -> None:
    for control in set(CONTROLS) - set("\t\n\r"):
        with pytest.raises(RequestRejected, match=rf"Character 4 .*U\+{ord(control):04X}"):
            plain_text(f"abc{control}d")


@pytest.mark.parametrize("text", ["", "Nachtlauf für Köln", "café ☕ \U0001f469\u200d\U0001f52c", "مرحبا", "a\u00a0b"])
def test_letters_of_any_script_are_plain_text(text: str) -> None:
    assert plain_text(text) == shown(text) == shown_lines(text) == text


def test_line_breaks_and_tabs_become_blanks_in_what_people_write() -> None:
    assert plain_text("first\r\nsecond\tthird\n") == "first second third "


def test_nothing_that_is_shown_holds_a_control_character() -> None:
    for control in CONTROLS:
        value, lines = shown(f"a{control}b"), shown_lines(f"a{control}b")

        assert control not in value
        assert (control in lines) == (control in "\t\n")
        assert value.startswith("a")
        assert value.endswith("b")
        assert len(value) > 2


def test_symbols_tell_which_character_it_was() -> None:
    assert shown("\x1b[31m\x7f\x9b\u202e\n") == "\u241b[31m\u2421<U+009B><U+202E>\u240a"


def test_json_is_escaped_and_means_the_same() -> None:
    for control in CONTROLS:
        written = escaped_json(json.dumps({"name": f"é{control}"}, ensure_ascii=False, indent=1))

        assert control not in written.replace("\n", "")
        assert "é" in written
        assert json.loads(written) == {"name": f"é{control}"}
