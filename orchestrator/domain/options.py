"""The options of jobs and schedules: each is declared once, on the field that holds it; the edges derive the rest.

A field whose type carries an `Option` is one: `most: Annotated[int, Option("…", at_most=100)] = 5`. The options of
the command line, the bodies of the API, the fields of the forms and the stored JSON are made from `declared(spec)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from datetime import time, timedelta
from enum import Enum, StrEnum
from functools import cache, cached_property
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.spans import parse_span, span, written_span

T = TypeVar("T")

REQUIRED = object()
"""The default of an option that has to be given."""


class OptionInvalid(RequestRejected):
    """A value that an option does not take; the message names the values that it takes, and not the option."""


@dataclass(frozen=True, slots=True)
class Option:
    """The facts about an option that its field does not tell.

    `help` is the sentence of the command line and the API, `label` and `note` are those of the forms. `name` stands in
    place of the field's name where that is taken at the edges. `has_usual` marks a value that the settings supply where
    none is named. `is_rare` puts the field of a form under "More". `shown` is the sentence of `show` and the pages
    with {} for the value.
    """

    help: str
    label: str = ""
    note: str = ""
    metavar: str = ""
    placeholder: str = ""
    unit: str = ""
    at_least: int = 0
    at_most: int = 10**9
    name: str = ""
    has_usual: bool = False
    is_rare: bool = False
    shown: str = ""


@dataclass(frozen=True)
class DeclaredOption:
    """One option of a specification; `path` leads to its field, through the specification that holds it."""

    path: tuple[str, ...]
    kind: type
    default: Any
    is_optional: bool
    facts: Option

    @cached_property
    def name(self) -> str:
        """The name in Python, in a form, and in camel case in JSON: `brake_share`."""
        return self.facts.name or "_".join(self.path)

    @property
    def flag(self) -> str:
        """The name on the command line, without its dashes: `brake-share`."""
        return "_".join(self.path).replace("_", "-")

    @property
    def key(self) -> str:
        """The name in stored JSON: `brakeShare`."""
        first, *others = "_".join(self.path).split("_")
        return first + "".join(each.capitalize() for each in others)

    @property
    def label(self) -> str:
        """The name in a form."""
        return self.facts.label or self.flag.replace("-", " ").capitalize()

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of an enumeration, as they are written."""
        return tuple(each.value for each in self.kind) if issubclass(self.kind, Enum) else ()

    def read(self, written: object) -> Any:
        """Parses a written value; OptionInvalid for one that is not taken. A value stays as it is."""
        if written is None and self.is_optional:
            return None
        if self.kind is int:
            return self._integer(written)
        if isinstance(written, self.kind):
            return written
        text = str(written).strip()
        if self.kind is timedelta:
            return parse_span(text)
        if self.kind is time:
            return _clock_time(text)
        found = next((each for each in self.choices if each.casefold() == text.casefold()), None)
        if found is None:
            raise OptionInvalid(f"{text!r} is none of {', '.join(self.choices)}.")
        return self.kind(found)

    def written(self, value: Any) -> Any:
        """Returns the value as a person writes it: a text where it is no number, no choice and no yes or no."""
        match value:
            case None:
                return ""
            case timedelta():
                return written_span(value)
            case time():
                return f"{value:%H:%M:%S}" if value.second else f"{value:%H:%M}"
            case _:
                return value

    def describe(self, value: Any) -> str:
        """Returns the value in words; empty where there is none."""
        match value:
            case bool():
                return "yes" if value else "no"
            case int():
                return f"{value:,} {self.facts.unit}".rstrip()
            case timedelta():
                return span(value.total_seconds()) if value else ""
            case _:
                return str(self.written(value))

    def _integer(self, written: object) -> int:
        try:
            number = int(str(written))
        except ValueError:
            number = self.facts.at_least - 1
        if not self.facts.at_least <= number <= self.facts.at_most:
            most = f"{self.facts.at_most:,}"
            raise OptionInvalid(f"{str(written)!r} is no whole number from {self.facts.at_least} to {most}.")
        return number


def declared(spec: type) -> tuple[DeclaredOption, ...]:
    """The options of a specification in the order of its fields, those of specifications within it among them."""
    return _kept(spec)


def values_of(held: Any) -> dict[str, Any]:
    """The values of all options by their names."""
    return {each.name: _value_at(held, each.path) for each in declared(type(held))}


def replaced(held: T, values: Mapping[str, Any]) -> T:
    """The specification with these values for options of it; other names are none of its business."""
    changes: dict[str, Any] = {}
    for each in declared(type(held)):
        if each.name in values:
            first, *rest = each.path
            value = each.read(values[each.name])
            within = changes.get(first, getattr(held, first))
            changes[first] = replace(within, **{rest[0]: value}) if rest else value
    return replace(held, **changes) if changes else held  # type: ignore[type-var]  # a specification is a dataclass


def assembled(spec: type[T], values: Mapping[str, Any], **others: Any) -> T:
    """A specification of these values, with the defaults of the options that are not among them.

    `others` are the fields that are no options.
    """
    given = {each.name: each.read(values[each.name]) for each in declared(spec) if each.name in values}
    required = {each.path[0]: given[each.name] for each in declared(spec) if each.default is REQUIRED}
    return replaced(spec(**required, **others), given)


def packed(held: Any) -> dict[str, Any]:
    """The options as JSON keeps them: spans in seconds, times of day as ISO 8601."""
    return {each.key: _packed(_value_at(held, each.path)) for each in declared(type(held))}


def unpacked(spec: type, kept: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the options that are kept, for `assembled`; the inverse of `packed`.

    A release before may have kept fewer options, and one after it more.
    """
    return {each.name: _unpacked(each.kind, kept[each.key]) for each in declared(spec) if each.key in kept}


def _declared(spec: type, within: tuple[str, ...] = ()) -> Iterator[DeclaredOption]:
    hints = get_type_hints(spec, include_extras=True)
    for each in fields(spec):
        kind, *extras = get_args(hints[each.name]) if get_origin(hints[each.name]) is Annotated else [hints[each.name]]
        facts = next((extra for extra in extras if isinstance(extra, Option)), None)
        if facts is not None:
            kinds = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
            default = REQUIRED if each.default is MISSING else each.default
            yield DeclaredOption((*within, each.name), kinds[0], default, type(None) in kinds, facts)
        elif is_dataclass(kind) and isinstance(kind, type):
            yield from _declared(kind, (*within, each.name))


_kept: Callable[[Any], tuple[DeclaredOption, ...]] = cache(lambda spec: tuple(_declared(spec)))


def _value_at(held: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        held = getattr(held, name)
    return held


def _packed(value: Any) -> Any:
    match value:
        case timedelta():
            return value.total_seconds()
        case time():
            return value.isoformat()
        case StrEnum():
            return value.value
        case _:
            return value


def _unpacked(kind: type, value: Any) -> Any:
    if value is None or kind not in {timedelta, time}:
        return value
    return timedelta(seconds=value) if kind is timedelta else time.fromisoformat(value)


def _clock_time(text: str) -> time:
    try:
        at = time.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None or at.microsecond:
        raise OptionInvalid(f"{text!r} is no time of day; it takes 06:00, local in the time zone.")
    return at
