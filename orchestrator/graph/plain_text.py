"""Foreign text on one line, fit to be shown, stored and logged; pure."""

from __future__ import annotations


def one_line(text: str, longest: int) -> str:
    """The text with white space joined and control characters shown as symbols, cut to a length in characters."""
    if len(text) <= longest and text.isascii() and text.isprintable() and " " not in text:
        return text
    shown = "".join(char if char.isprintable() else _symbol(char) for char in text[: longest * 4])
    line = " ".join(shown.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _symbol(char: str) -> str:
    """A blank for white space, a control picture for C0 and DEL, else the replacement character."""
    if char.isspace():
        return " "
    number = ord(char)
    if number < 0x20:
        return chr(0x2400 + number)
    return "␡" if number == 0x7F else "\N{REPLACEMENT CHARACTER}"
