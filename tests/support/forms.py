"""The forms of a page as a browser reads them: where each goes, and with which fields."""

from __future__ import annotations

from html.parser import HTMLParser


def form_on(page: str, action: str) -> dict[str, str]:
    """The fields of the form that goes there, with the values that the page gave them."""
    found = _Forms()
    found.feed(page)
    return found.forms[action]


def fields_on(part: str) -> dict[str, str]:
    """The fields of a part of a page, which the form around it sends too."""
    found = _Forms(inside="")
    found.feed(part)
    return found.forms[""]


class _Forms(HTMLParser):
    def __init__(self, inside: str | None = None) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {} if inside is None else {inside: {}}
        self._form = inside

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._form = given.get("action") or ""
            self.forms.setdefault(self._form, {})
        name = given.get("name")
        is_off = given.get("type") in {"checkbox", "radio", "file"} and "checked" not in given
        if tag == "input" and name is not None and self._form is not None and not is_off:
            self.forms[self._form].setdefault(name, given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form:
            self._form = None
