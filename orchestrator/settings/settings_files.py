"""Writing a settings file: whole or not at all, readable by its owner alone, with every comment kept."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from orchestrator.domain.errors import RequestRejected, SettingsInvalid
from orchestrator.settings.load import load_settings
from orchestrator.settings.places import CONFIG, FILE_NAME, settings_text
from orchestrator.settings.template import TEMPLATE

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def intended_file(variables: Mapping[str, str], config_path: Path | None) -> Path:
    """The settings file that is read by this command or would be, whether it is there or not."""
    named = config_path or (Path(variables[CONFIG]).expanduser() if variables.get(CONFIG) else None)
    return (named or platformdirs.user_config_path("muster", appauthor=False) / FILE_NAME).absolute()


def write_new_settings(file: Path) -> None:
    """Writes a settings file in which everything is a comment; RequestRejected where there is one."""
    if file.exists():
        raise RequestRejected(f"There is a settings file already: {file}. Nothing was changed.")
    write_private(file, TEMPLATE)


def add_tenant(
    file: Path, name: str, entries: Mapping[str, str | bool], *, secret: str | None, variables: Mapping[str, str]
) -> Path | None:
    """Adds [tenants.NAME] to a settings file, and makes the file where there is none.

    A secret is written to a file of its own beside it, readable by its owner alone; the answer is that file.
    RequestRejected where the tenant is there already; SettingsInvalid where the whole would be no valid settings, and
    then nothing is changed.
    """
    if not _NAME.fullmatch(name):
        raise RequestRejected(f"{name!r} is no name for a tenant; it takes letters, digits, '.', '_' and '-'.")
    is_new = not file.exists()
    if not is_new and name in load_settings(variables, file).tenants:
        raise RequestRejected(f"There is a tenant {name!r} already. Change it in {file}.")
    # Windows takes `aux`, `con.north` and the like for devices, and drops a dot at the end of a name.
    secret_name = f"secrets/client-secret-{name}.txt"
    secret_file = None if secret is None else file.parent / secret_name
    if secret_file is not None and secret_file.exists():
        raise RequestRejected(f"There is a file {secret_file} already. Remove it, or name another secret file.")
    if is_new:
        write_new_settings(file)
    try:
        if secret_file is not None and secret is not None:
            write_private(secret_file, secret + "\n")
            entries = {**entries, "client_secret_file": secret_name}
        _change(file, lambda document: _put_tenant(document, name, entries), variables)
    except BaseException:
        for made in (secret_file, file if is_new else None):
            if made is not None:
                made.unlink(missing_ok=True)
        raise
    return secret_file


def write_private(file: Path, text: str) -> None:
    """Writes a new file for its owner alone; Windows keeps what the folder says of who may read."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as opened:
        opened.write(text)


def _put_tenant(document: TOMLDocument, name: str, entries: Mapping[str, str | bool]) -> None:
    import tomlkit  # noqa: PLC0415 - only who changes a settings file waits for it

    if "tenants" not in document:
        document["tenants"] = tomlkit.table(is_super_table=True)
    tenants = document["tenants"]
    table = tomlkit.table()
    for key, value in entries.items():
        # A backslash begins an escape in a basic string; doubled ones are hard to read.
        literal = isinstance(value, str) and "\\" in value and "'" not in value
        table[key] = tomlkit.string(str(value), literal=True) if literal else value
    tenants[name] = table


def _change(file: Path, change: Callable[[TOMLDocument], None], variables: Mapping[str, str]) -> None:
    """Replaces the file by the changed one, once that is known to be valid."""
    import tomlkit  # noqa: PLC0415 - as above

    target = file.resolve()
    # A file that cannot be read is refused here with the message that every other command prints.
    load_settings(variables, target)
    document = tomlkit.parse(settings_text(target))
    change(document)
    part = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        write_private(part, tomlkit.dumps(document))
        try:
            load_settings(variables, part)
        except SettingsInvalid as problem:
            raise SettingsInvalid(str(problem).replace(str(part), str(target))) from problem
        with suppress(OSError):
            part.chmod(target.stat().st_mode & 0o777)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
