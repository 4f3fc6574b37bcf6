"""Text from outside that people read on a terminal: what of it is refused, and how the rest is shown; pure.

An escape sequence in a reason or a device name moves the cursor, renames the window or hides a line; a bidirectional
control shows `exe.txt` for `txt.exe`. Both are refused where people write (`plain_text`), and shown as symbols where
they come from elsewhere: from a device list, a file name, or a message of Graph's.
"""

from __future__ import annotations

import re

from orchestrator.domain.errors import RequestRejected


class ControlCharacter(RequestRejected):
    """A text holds a character that does not belong into a name or a reason."""

    def __init__(self, character: str, place: int) -> None:
        super().__init__(
            f"Character {place} is a control character ({_code_point(character)}), which a name or a reason cannot "
            "hold. Write the text again without it."
        )
        self.character, self.place = character, place


def plain_text(text: str) -> str:
    """The text on one line: line breaks and tabs become single blanks; ControlCharacter for any other control."""
    joined = _BREAKS.sub(" ", text)
    found = _CONTROLS.search(joined)
    if found is not None:
        raise ControlCharacter(found[0], found.start() + 1)
    return joined


def shown(text: str) -> str:
    """The text with a symbol for each control character, line breaks and tabs too: for one value within a line."""
    return _CONTROLS.sub(_symbol, text)


def shown_lines(text: str) -> str:
    """The text with a symbol for each control character but line breaks and tabs: for text of several lines."""
    return _CONTROLS_BUT_BREAKS.sub(_symbol, text)


def escaped_json(text: str) -> str:
    """JSON text with every control character escaped; JSON's own rules leave those beyond U+001F as they are."""
    return _CONTROLS_BUT_BREAKS.sub(lambda found: _json_escape(found[0]), text)


def _symbol(found: re.Match[str]) -> str:
    character = found[0]
    if character == "\x7f":
        return "\u2421"
    return chr(0x2400 + ord(character)) if character < " " else f"<{_code_point(character)}>"


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


# Beside C0 and C1: the bidirectional controls (Unicode's property Bidi_Control), line and paragraph separators,
# interlinear annotation, halves of surrogate pairs (bytes of a name that are no UTF-8), and invisible tag characters.
_BEYOND = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
_CONTROLS = re.compile(rf"[\x00-\x1f{_BEYOND}]")
_CONTROLS_BUT_BREAKS = re.compile(rf"[\x00-\x08\x0b-\x1f{_BEYOND}]")
_BREAKS = re.compile(r"[\t\n\r]+")
