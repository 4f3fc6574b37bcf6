"""What every page does with text from outside."""

from __future__ import annotations

from markupsafe import Markup

from orchestrator.web.pages import Pages


def test_control_characters_from_a_list_are_shown_as_symbols_and_escaped_once() -> None:
    templates = Pages()._templates

    text = templates.from_string("{{ name }} {{ name | upper }} {{ kept }}").render(
        name="a\x1b[31m\u202eb\x9b", kept=Markup("<b>c</b>")
    )

    assert text == "a\u241b[31m&lt;U+202E&gt;b&lt;U+009B&gt; A\u241b[31M&lt;U+202E&gt;B&lt;U+009B&gt; <b>c</b>"


def test_line_breaks_and_tabs_of_a_text_of_several_lines_stay() -> None:
    assert Pages()._templates.from_string("<textarea>{{ text }}</textarea>").render(text="a\tb\nc") == (
        "<textarea>a\tb\nc</textarea>"
    )
