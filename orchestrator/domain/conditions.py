"""Conditions that select devices of an inventory, such as `name=BER-*` and `last-contact<30d`; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.inventory import Identifier, InventoryDevice, compare_key


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `text` is as it was written."""

    text: str
    field: str
    operator: str
    value: str

    @property
    def is_misread(self) -> bool:
        """Whether an operator is meant that there is none of, such as `>=`, or a size is compared with a wildcard."""
        return self.value[0] in "=!<>" or (self.operator in {"<", ">"} and "*" in self.value)

    def holds(self, device: InventoryDevice, now: datetime) -> bool:
        """Whether the device fits; an empty field fits no condition, not even `!=`, and no device a misread one."""
        found = _FIELDS[self.field](device)
        if found is None or found == "" or self.is_misread:
            return False
        if isinstance(found, datetime):
            return _compares(self.operator, *_sides(found, self.value, now))
        if self.operator in {"=", "!="}:
            is_equal = _pattern(self.value).fullmatch(_folded(found)) is not None
            return is_equal == (self.operator == "=")
        return _compares(self.operator, _folded(found), _folded(self.value))


def parse_condition(text: str) -> Condition:
    """The condition that a person wrote; RequestRejected says what one looks like, and which fields there are."""
    condition = read_condition(text)
    if condition.is_misread:
        raise RequestRejected(
            f"{condition.text!r}: a value does not begin with = ! < or >, and has no * behind < or >. Operators are "
            "= != < > alone; with = and !=, * stands for any letters."
        )
    if condition.field == LAST_CONTACT:
        _refuse_bad_time(condition)
    return condition


def read_condition(text: str) -> Condition:
    """The condition in a stored text; one from before misread conditions were refused is read, and never holds."""
    found = _CONDITION.fullmatch(text.strip())
    if found is None:
        raise RequestRejected(
            f"{text!r} is no condition. Write FIELD OP VALUE with one of = != < > and * for any letters, such as "
            "'name=BER-*' or 'last-contact<30d', in quotes, since a shell has its own use for < and *."
        )
    field = found["field"].casefold().replace("_", "-")
    field = _OTHER_NAMES.get(field.replace("-", ""), field)
    if field not in _FIELDS:
        raise RequestRejected(f"There is no field {found['field']!r}. There are {', '.join(_FIELDS)}.")
    value = found["value"].strip()
    if not value:
        raise RequestRejected(f"{text!r} has no value: an empty value never matches.")
    if field in _IDS:
        # A part of an id with a wildcard is spelled as whole ids may be: in braces, and behind ConfigMgr's `GUID:`.
        value = compare_key(_IDS[field], value) or value.casefold().removeprefix("guid:").strip("{} ") or value
    return Condition(text.strip(), field, found["operator"], value)


def field_names() -> tuple[str, ...]:
    """The fields that a condition may name, the most used first."""
    return tuple(_FIELDS)


def fits(device: InventoryDevice, conditions: Iterable[Condition], now: datetime) -> bool:
    """Whether all conditions hold for the device."""
    return all(condition.holds(device, now) for condition in conditions)


LAST_CONTACT = "last-contact"
OPERATORS = ("=", "!=", "<", ">")


def _refuse_bad_time(condition: Condition) -> None:
    if condition.operator not in {"<", ">"}:
        raise RequestRejected(f"{condition.text!r}: compare the last contact with < or >, such as last-contact<30d.")
    if _span(condition.value) is None and _instant(condition.value) is None:
        raise RequestRejected(
            f"{condition.text!r}: {condition.value!r} is no time. Write an age such as 30d, 12h or 90m, or a date such "
            "as 2026-11-01."
        )


def _sides(found: datetime, value: str, now: datetime) -> tuple[float, float]:
    """The two sides in seconds: ages for an age, so `last-contact<30d` is "less than 30 days ago"; times for a date."""
    age = _span(value)
    if age is not None:
        return (now - found).total_seconds(), age.total_seconds()
    instant = _instant(value)
    assert instant is not None  # noqa: S101 - parse_condition has looked
    return found.timestamp(), instant.timestamp()


def _compares(operator: str, left: object, right: object) -> bool:
    return left < right if operator == "<" else left > right  # type: ignore[operator,no-any-return] # of one type each


def _span(text: str) -> timedelta | None:
    found = re.fullmatch(r"(\d{1,6})\s*([dhm])", text.casefold())
    return None if found is None else timedelta(minutes=int(found[1]) * {"d": 1_440, "h": 60, "m": 1}[found[2]])


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _folded(text: str) -> str:
    return compare_key(Identifier.NAME, text) or ""


def _pattern(value: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in _folded(value).split("*")), re.DOTALL)


_FIELDS: dict[str, Callable[[InventoryDevice], str | datetime | None]] = {
    "name": lambda device: device.name,
    "serial": lambda device: device.serial_number,
    "id": lambda device: device.id,
    "entra": lambda device: device.entra_device_id,
    "configmgr": lambda device: device.configmgr_id,
    "user": lambda device: device.user_principal_name,
    "os": lambda device: device.os,
    "agent": lambda device: device.management_agent,
    LAST_CONTACT: lambda device: device.last_contact_at,
}
_IDS = {"id": Identifier.ID, "entra": Identifier.ENTRA, "configmgr": Identifier.CONFIGMGR}
_OTHER_NAMES = {
    "devicename": "name",
    "serialnumber": "serial",
    "userprincipalname": "user",
    "managementagent": "agent",
    "lastcontact": LAST_CONTACT,
    "lastcontactat": LAST_CONTACT,
    "operatingsystem": "os",
}
_CONDITION = re.compile(r"(?P<field>[A-Za-z_-]+)\s*(?P<operator>!=|=|<|>)(?P<value>.*)", re.DOTALL)
