"""Device lists under a name, with their versions: written in pages, seen when whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, func, insert, select, update

from orchestrator.domain.device import Via
from orchestrator.domain.errors import RowUnreadable, UnknownList
from orchestrator.domain.ids import ListNumber
from orchestrator.domain.job import Intake
from orchestrator.domain.selection import is_own_list
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import readable, stored_list, stored_member
from orchestrator.store.engine.upserts import insert_into
from orchestrator.store.rows.lists import ListPageRow, ListVersionRow, SavedListRow

KEPT_VERSIONS = 10
"""Versions of a list whose devices are kept; of older ones only the counts are."""


@dataclass(frozen=True, slots=True)
class ListVersion:
    """One import of a list; `added` and `removed` compare it with the one before."""

    list_number: ListNumber
    name: str
    version: int
    via: Via
    columns: tuple[str, ...]
    intake: Intake
    devices: int
    added: int
    removed: int
    imported_by: str
    imported_at: datetime

    @property
    def label(self) -> str:
        """The name of the list as a job shows it."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class ListPage:
    """Some rows of a version, still compressed."""

    page: int
    payload: bytes
    devices: bytes


class SavedLists(Repository):
    """SQL of saved lists; no method commits."""

    async def begin(
        self, name: str, via: Via, columns: Sequence[str], file_name: str | None, *, by: str, now: datetime
    ) -> tuple[ListNumber, int]:
        """A hidden version of the list of this name, which is made if need be; its number and its version."""
        await self._connection.execute(
            insert_into(self._connection, SavedListRow).values(name=name).on_conflict_do_nothing()
        )
        # Locked until the commit: two imports of one list get versions of their own.
        lock = select(SavedListRow.number).where(SavedListRow.name == name).with_for_update()
        number = (await self._connection.execute(lock)).scalar_one()
        newest = select(func.coalesce(func.max(ListVersionRow.version), 0)).where(ListVersionRow.list_number == number)
        version = (await self._connection.execute(newest)).scalar_one() + 1
        await self._connection.execute(
            insert(ListVersionRow).values(
                list_number=number,
                version=version,
                via=via,
                columns=json.dumps(columns),
                file_name=file_name,
                imported_by=by,
                imported_at=now,
            )
        )
        return ListNumber(number), version

    async def hold(self, name: str) -> None:
        """Let no other version of the list be published, and no schedule be judged by it, until the commit."""
        lock = select(SavedListRow.number).where(SavedListRow.name == name).with_for_update()
        await self._connection.execute(lock)

    async def add_page(self, number: ListNumber, version: int, page: ListPage) -> None:
        """Keep some rows of a hidden version."""
        await self._connection.execute(
            insert(ListPageRow).values(
                list_number=number, version=version, page=page.page, payload=page.payload, devices=page.devices
            )
        )

    async def publish(
        self, number: ListNumber, version: int, intake: Intake, *, devices: int, added: int, removed: int
    ) -> None:
        """Let the version be seen; the devices of old ones are dropped."""
        await self._connection.execute(
            update(ListVersionRow)
            .where(ListVersionRow.list_number == number, ListVersionRow.version == version)
            .values(
                is_complete=True,
                sha256=intake.sha256,
                intake_rows=intake.rows,
                devices=devices,
                duplicates=intake.duplicates,
                rejected=intake.rejected,
                added=added,
                removed=removed,
            )
        )
        await self._connection.execute(
            delete(ListPageRow).where(ListPageRow.list_number == number, ListPageRow.version <= version - KEPT_VERSIONS)
        )

    async def forget(self, number: ListNumber, version: int) -> None:
        """Remove a version that never became whole, and the list if it was its only one."""
        await self._connection.execute(
            delete(ListVersionRow).where(
                ListVersionRow.list_number == number, ListVersionRow.version == version, ~ListVersionRow.is_complete
            )
        )
        left = select(ListVersionRow.version).where(ListVersionRow.list_number == number)
        if (await self._connection.execute(left.limit(1))).first() is None:
            await self._connection.execute(delete(SavedListRow).where(SavedListRow.number == number))

    async def newest(self, name: str) -> ListVersion:
        """The list of this name as it was last imported; UnknownList where there is none, or RowUnreadable."""
        return (await self.versions(name, limit=1))[0]

    async def find_newest(self, name: str) -> ListVersion | None:
        """Returns the same, or None where there is no such list."""
        try:
            return await self.newest(name)
        except UnknownList:
            return None

    async def version(self, name: str, version: int) -> ListVersion:
        """One version of the list of this name; UnknownList where there is none."""
        query = _COMPLETE.where(SavedListRow.name == name, ListVersionRow.version == version)
        found = await self._rows_with(query)
        if not found:
            raise UnknownList(name)
        return _version(*found[0])

    async def versions(self, name: str, *, limit: int = 1000) -> list[ListVersion]:
        """The versions of a list, newest first; UnknownList where there is none."""
        query = _COMPLETE.where(SavedListRow.name == name).order_by(ListVersionRow.version.desc()).limit(limit)
        found = [_version(*row) for row in await self._rows_with(query)]
        if not found:
            raise UnknownList(name)
        return found

    async def all(self) -> list[ListVersion]:
        """Every list that can be read as it was last imported, by name."""
        newest = (
            select(ListVersionRow.list_number, func.max(ListVersionRow.version).label("version"))
            .where(ListVersionRow.is_complete)
            .group_by(ListVersionRow.list_number)
            .subquery()
        )
        is_newest = and_(ListVersionRow.list_number == newest.c.list_number, ListVersionRow.version == newest.c.version)
        query = _COMPLETE.join(newest, is_newest).order_by(SavedListRow.name)
        return readable(await self._rows_with(query), lambda row: _version(*row))

    async def page_after(self, number: ListNumber, version: int, page: int) -> ListPage | None:
        """The next page of a version; start with -1, None is the end."""
        query = (
            select(ListPageRow.page, ListPageRow.payload, ListPageRow.devices)
            .where(ListPageRow.list_number == number, ListPageRow.version == version, ListPageRow.page > page)
            .order_by(ListPageRow.page)
            .limit(1)
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else ListPage(*row)

    async def remove(self, name: str) -> None:
        """Remove a list with its versions; UnknownList where there is none."""
        removed = await self._connection.execute(delete(SavedListRow).where(SavedListRow.name == name))
        if not removed.rowcount:
            raise UnknownList(name)

    async def discard(self, name: str) -> None:
        """Remove a list with its versions, if it is there."""
        await self._connection.execute(delete(SavedListRow).where(SavedListRow.name == name))


def _version(row: ListVersionRow, name: str) -> ListVersion:
    via, columns = stored_member(Via, row.via, "list_versions.via"), stored_list(row.columns, "list_versions.columns")
    # Without its columns it is not known which cell is the id; a selection has none, since Muster wrote it itself.
    if via is None or (not columns and not is_own_list(name)):
        raise RowUnreadable(f"list {name!r}")
    return ListVersion(
        list_number=ListNumber(row.list_number),
        name=name,
        version=row.version,
        via=via,
        columns=tuple(map(str, columns or ())),
        intake=Intake(row.intake_rows, row.duplicates, row.rejected, row.sha256, row.file_name),
        devices=row.devices,
        added=row.added,
        removed=row.removed,
        imported_by=row.imported_by,
        imported_at=row.imported_at,
    )


_COMPLETE = (
    select(ListVersionRow, SavedListRow.name)
    .join(SavedListRow, SavedListRow.number == ListVersionRow.list_number)
    .where(ListVersionRow.is_complete)
)
