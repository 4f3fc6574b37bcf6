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


def sent_by(page: str, action: str) -> dict[str, list[str]]:
    """The fields that the form going there would send without a script, those of the same name together."""
    found = _Sent(action)
    found.feed(page)
    return found.fields


class _Sent(HTMLParser):
    def __init__(self, action: str) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._action, self._inside = action, False
        self._select: tuple[str, list[str], list[str]] | None = None
        self._textarea: str | None = None
        self._option: list[str] | None = None
        self._is_text_sent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value")
        if tag == "form":
            self._inside = given.get("action") == self._action
        elif tag == "option" and self._select is not None:
            self._option = self._select[2] if "selected" in given else self._select[1]
            self._option.append("" if value is None else value)
            self._is_text_sent = value is None
        elif not self._inside or not name or "disabled" in given:
            return
        elif tag == "select":
            self._select = (name, [], [])
        elif tag == "textarea":
            self._textarea = name
            self.fields.setdefault(name, []).append("")
        elif tag == "input" and (given.get("type") not in {"checkbox", "radio", "file"} or "checked" in given):
            self.fields.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self.fields[self._textarea][-1] += data
        if self._option is not None and self._is_text_sent:
            self._option[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea":
            self._textarea = None
        elif tag == "option":
            self._option = None
        elif tag == "select" and self._select is not None:
            name, options, selected = self._select
            self.fields.setdefault(name, []).append((selected or options or [""])[0])
            self._select = None


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
