"""Where a setting may be given: a variable, a file that a variable names, or the settings file."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import platformdirs

from orchestrator.domain.errors import SettingsInvalid

PREFIX = "MUSTER_"
FILE_NAME = "muster.toml"
PATHS = frozenset({"client_certificate", "ca_bundle"})
"""Settings that are a file themselves: with `_FILE` or without, the path is what is meant."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was written; `file` is where it was read, if that was a file of its own."""

    text: str = field(repr=False)
    name: str
    where: str
    folder: Path
    file: Path | None = None

    @property
    def source(self) -> str:
        """Where it comes from, for people."""
        return self.name if self.where == _ENVIRONMENT else f"{self.name} in {self.where}"

    def refused(self, problem: str) -> SettingsInvalid:
        """The error that says what is wrong with it, by name and place."""
        return SettingsInvalid(f"{self.name} (from {self.where}) {problem}.")


class Place(Protocol):
    """Somewhere that settings are given."""

    def find(self, name: str) -> Given | None:
        """Returns the value under this name; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables; an empty one counts as unset."""

    variables: Mapping[str, str] = field(repr=False)

    def find(self, name: str) -> Given | None:
        """The variable, or what is in the file that its `_FILE` form names."""
        variable = PREFIX + name.upper()
        both = _Both(variable, f"{variable}_FILE", _ENVIRONMENT, Path())
        plain, file = self.variables.get(both.plain, ""), self.variables.get(both.file, "")
        return _either(name, plain if name in _KEPT_AS_IT_IS else _unquoted(plain), _unquoted(file), both)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the settings file, whose paths begin at the folder it is in."""

    entries: Mapping[str, Any] = field(repr=False)
    label: str
    file: Path

    def find(self, name: str) -> Given | None:
        """The entry, or what is in the file that its `_file` form names."""
        both = _Both(f"{self.label}{name}", f"{self.label}{name}_file", str(self.file), self.file.parent)
        return _either(name, self._text(name, both.plain), self._text(f"{name}_file", both.file), both)

    def _text(self, key: str, label: str) -> str:
        match self.entries.get(key):
            case None:
                return ""
            case bool(value):
                return "true" if value else "false"
            case str() | int() as value:
                return str(value)
        raise SettingsInvalid(f"{label} (from {self.file}) is neither text nor a whole number.")


def settings_file(variables: Mapping[str, str], config_path: Path | None) -> Path | None:
    """The settings file to read: the one that was named, else the user's own if there is one.

    Never one in the current folder: a stray file must not send a token elsewhere.
    """
    named = config_path or (Path(variables[CONFIG]).expanduser() if variables.get(CONFIG) else None)
    if named is not None:
        return named
    usual = platformdirs.user_config_path("muster", appauthor=False) / FILE_NAME
    return usual if usual.is_file() else None


def settings_text(file: Path) -> str:
    """The text of a settings file; OSError, or UnicodeError where it is neither UTF-8 nor marked as UTF-16."""
    content = file.read_bytes()
    # Notepad writes a byte-order mark, which TOML does not know, and Windows PowerShell writes UTF-16.
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig")


def read_settings_file(file: Path) -> Mapping[str, Any]:
    """Returns the content of the settings file."""
    text = ""
    try:
        text = settings_text(file)
        return tomllib.loads(text)
    except OSError as problem:
        raise SettingsInvalid(f"The settings file {file} cannot be read: {problem.strerror}.") from problem
    except UnicodeError as problem:
        raise SettingsInvalid(f"The settings file {file} is not UTF-8: save it in that encoding.") from problem
    except tomllib.TOMLDecodeError as problem:
        raise SettingsInvalid(f"The settings file {file} is no TOML: {problem}.{_advice(text, problem)}") from problem


def _advice(text: str, problem: tomllib.TOMLDecodeError) -> str:
    """Returns the advice for a bad line with a Windows path in double quotes or typographic quotes; else nothing."""
    at, lines = _AT_LINE.search(str(problem)), text.splitlines()
    line = lines[int(at[1]) - 1] if at is not None and 0 < int(at[1]) <= len(lines) else ""
    if _TYPOGRAPHIC.search(line):
        return ' Quotes must be straight ones: ".'
    if not _QUOTED_BACKSLASH.search(line):
        return ""
    return (
        " In double quotes a backslash begins an escape: write a path in single quotes ('C:\\Folder\\file.pem'), or "
        'with forward slashes ("C:/Folder/file.pem").'
    )


def _unquoted(text: str) -> str:
    """The value without the quotes around it that cmd.exe's `set` and `docker --env-file` leave in place."""
    bare = text.strip()
    return bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'" else text


@dataclass(frozen=True, slots=True)
class _Both:
    """The two names that one setting has in one place."""

    plain: str
    file: str
    where: str
    folder: Path


def _either(name: str, plain: str, named: str, names: _Both) -> Given | None:
    if plain and named:
        raise SettingsInvalid(f"{names.plain} and {names.file} (from {names.where}) are both set. Keep one.")
    if plain:
        return Given(plain, names.plain, names.where, names.folder)
    if not named:
        return None
    if name in PATHS:
        return Given(named, names.file, names.where, names.folder)
    given = Given("", names.file, names.where, names.folder, names.folder / Path(named).expanduser())
    return replace(given, text=_read_secret(given))


def _read_secret(given: Given) -> str:
    """Returns the content of the file, without the line end that editors add."""
    file = given.file or given.folder
    try:
        text = file.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except OSError as problem:
        raise given.refused(f"names {file}, which cannot be read: {problem.strerror}") from problem
    except UnicodeError as problem:
        raise given.refused(f"names {file}, which is not UTF-8 text") from problem
    if not text:
        raise given.refused(f"names {file}, which is empty")
    return text


_AT_LINE = re.compile(r"at line (\d+)")
_TYPOGRAPHIC = re.compile("[\u2018-\u201f]")
_QUOTED_BACKSLASH = re.compile(r"\"[^\"]*\\")
_KEPT_AS_IT_IS = frozenset({"client_certificate_password", "notify_webhook_secret"})
"""Secrets that a person chose, in which a quote may be a part."""

_ENVIRONMENT = "the environment"
CONFIG = "MUSTER_CONFIG"
