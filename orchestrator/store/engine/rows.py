"""The tables; these classes are never seen outside this package. Their indexes are in indexes.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime

_BigKey = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only for INTEGER, which is 64 bits there anyway."""

_JOB_STATUSES = "'receiving','queued','running','paused','stopped','cancelled','finished'"
MANY_FAILURES = "status = 'finished' AND (failures IS NULL OR total < failures * 20)"
"""Finished jobs of which more than 5 % failed, or nobody counted: a query that says this word by word has an index.

The column stands left of the comparison: SQLite turns `failures * 20 > total` round before it compares a query with the
condition of an index, and finds no index then.
"""

_TARGET_STATUSES = "'waiting','accepted','failed','uncertain','cancelled'"


AnyRow = Row[*tuple[Any, ...]]
"""What a query answers, before it becomes a value of the domain."""


class Base(DeclarativeBase):
    """All tables, with names for constraints that migrations can rely on."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class JobRow(Base):
    """One job. `virtual_time` is its place in the fair order of its lane: what it was served, divided by its weight.

    The circuit breaker (domain/circuit_breaker.py): `brake_ended` and `brake_errors` are what it judges no more;
    `canaries` names the lines that go first, until they were judged; while `probe_at` is set Graph is out, and one call
    at a time asks.

    No call of it starts after `not_after`; what waits then may be first in the job `carried_to`. `notice_pending` marks
    an end whose notice is not written yet, `cancelling` a cancelled job of which something may still wait or be held.

    Attributes with another column name beside them were renamed: the release before reads the column by its old name.

    `failures` counts the targets that failed or are uncertain, once the job is finished; NULL where a release that did
    not count them finished it.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"status IN ({_JOB_STATUSES})", name="status"),
        UniqueConstraint("id"),
        UniqueConstraint("idempotency_key"),
    )

    number: Mapped[int] = mapped_column(_BigKey, Identity(), primary_key=True)
    id: Mapped[str] = mapped_column(String(32))
    name: Mapped[str | None] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(40))
    via: Mapped[str] = mapped_column(String(40))
    tenant: Mapped[str] = mapped_column(String(200))
    lane: Mapped[str] = mapped_column(String(200))
    priority: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(Text)
    virtual_time: Mapped[float] = mapped_column("pass_value", Float(53), key="virtual_time")
    answered: Mapped[bool] = mapped_column(Boolean, server_default=false())
    total: Mapped[int] = mapped_column(BigInteger)
    intake_rows: Mapped[int] = mapped_column(BigInteger)
    duplicates: Mapped[int] = mapped_column(BigInteger)
    rejected: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    file_name: Mapped[str | None] = mapped_column(Text)
    input_columns: Mapped[str] = mapped_column(Text)
    submitted_by: Mapped[str] = mapped_column(Text)
    submitter: Mapped[str | None] = mapped_column(Text)
    submit_reason: Mapped[str | None] = mapped_column(Text)
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    touched_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retry_of: Mapped[str | None] = mapped_column(String(32))
    schedule: Mapped[str | None] = mapped_column(Text)
    not_after: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_after_reason: Mapped[str | None] = mapped_column(Text)
    carried_to: Mapped[str | None] = mapped_column(String(32))
    notice_pending: Mapped[bool] = mapped_column("untold", Boolean, server_default=false(), key="notice_pending")
    cancelling: Mapped[bool] = mapped_column(Boolean, server_default=false())
    failures: Mapped[int | None] = mapped_column(BigInteger)
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    request_hash: Mapped[str | None] = mapped_column(String(64))
    brake_share: Mapped[int] = mapped_column(Integer, server_default="25")
    brake_sample: Mapped[int] = mapped_column(Integer, server_default="100")
    brake_ended: Mapped[int] = mapped_column(BigInteger, server_default="0")
    brake_errors: Mapped[int] = mapped_column(BigInteger, server_default="0")
    canaries: Mapped[str | None] = mapped_column(Text)
    outage_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    probes: Mapped[int] = mapped_column(Integer, server_default="0")
    probe_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BatchRow(Base):
    """A slice of a job's targets, its tally, and who holds it.

    `in_flight` names the lines whose calls may be on their way: the intent, written before they leave.
    """

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint("waiting >= 0 AND sending >= 0", name="tally"),
        CheckConstraint("(holder IS NULL) = (lease_until IS NULL)", name="lease"),
    )

    job_number: Mapped[int] = mapped_column(
        _BigKey, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    batch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first_line: Mapped[int] = mapped_column(BigInteger)
    last_line: Mapped[int] = mapped_column(BigInteger)
    waiting: Mapped[int] = mapped_column(Integer)
    sending: Mapped[int] = mapped_column(Integer, server_default="0")
    accepted: Mapped[int] = mapped_column(Integer, server_default="0")
    failed: Mapped[int] = mapped_column(Integer, server_default="0")
    uncertain: Mapped[int] = mapped_column(Integer, server_default="0")
    cancelled: Mapped[int] = mapped_column(Integer, server_default="0")
    errors: Mapped[str | None] = mapped_column(Text)
    in_flight: Mapped[str | None] = mapped_column(Text)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    holder: Mapped[str | None] = mapped_column(String(120))
    fencing_token: Mapped[int] = mapped_column("term", BigInteger, server_default="0", key="fencing_token")
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    crash_count: Mapped[int] = mapped_column("deaths", Integer, server_default="0", key="crash_count")


class TargetRow(Base):
    """One device inside one job.

    No index but the key: an outcome then rewrites the row in its own page, and a status is found through the tallies
    of the batches. `sending` is never stored: it is what the batch's `in_flight` says.
    """

    __tablename__ = "targets"
    __table_args__ = (
        CheckConstraint(f"status IN ({_TARGET_STATUSES})", name="status"),
        {"sqlite_with_rowid": False},
    )

    # No foreign key: its check for each row would double the time to receive a large job. Reception.forget cleans up.
    job_number: Mapped[int] = mapped_column(_BigKey, primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    device: Mapped[str] = mapped_column(Text)
    # As the list has it. Where the list has none, readers look into the inventory.
    name: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    uncharged: Mapped[int] = mapped_column(Integer, server_default="0")
    doubtful: Mapped[bool] = mapped_column(Boolean, server_default=false())
    maybe_repeated: Mapped[bool] = mapped_column(Boolean, server_default=false())
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    http_status: Mapped[int | None] = mapped_column(Integer)
    error_code: Mapped[str | None] = mapped_column(Text)
    error_message: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
    first_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class InputPageRow(Base):
    """Some hundreds of rows of the input as they were given, compressed, with the verdict on each."""

    __tablename__ = "input_pages"

    job_number: Mapped[int] = mapped_column(
        _BigKey, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    page: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first_line: Mapped[int] = mapped_column(BigInteger)
    last_line: Mapped[int] = mapped_column(BigInteger)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class LaneRow(Base):
    """Where a lane stands (throttle/gcra.py, throttle/adaptation.py), in seconds since 1970 on the database's clock.

    `backend` says whether this row or Redis counts; embedded, only this row is there.
    """

    __tablename__ = "lanes"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    backend: Mapped[str] = mapped_column("keeper", String(10), server_default="redis", key="backend")
    last_departure: Mapped[float] = mapped_column(Float(53))
    reach: Mapped[float] = mapped_column(Float(53), server_default="1")
    closed_until: Mapped[float] = mapped_column(Float(53), server_default="0")
    closed_for: Mapped[float] = mapped_column(Float(53), server_default="0")
    refusals: Mapped[int] = mapped_column(Integer, server_default="0")
    together: Mapped[int] = mapped_column(Integer, server_default="1")
    share: Mapped[float] = mapped_column(Float(53), server_default="1")
    held_since: Mapped[float] = mapped_column(Float(53), server_default="0")
    counted_from: Mapped[float] = mapped_column(Float(53), server_default="0")
    counted: Mapped[int] = mapped_column(Integer, server_default="0")
    counted_before: Mapped[int] = mapped_column(Integer, server_default="0")


class LaneMinuteRow(Base):
    """The calls of a lane in one minute, counted since 1970: answered calls, and 429s and late ones of them."""

    __tablename__ = "lane_minutes"
    __table_args__ = ({"sqlite_with_rowid": False},)

    lane: Mapped[str] = mapped_column(String(200), primary_key=True)
    minute: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    calls: Mapped[int] = mapped_column(BigInteger)
    throttled: Mapped[int] = mapped_column(BigInteger)
    late: Mapped[int] = mapped_column(BigInteger, server_default="0")


class WorkerRow(Base):
    """A process that works, and when it was last heard of."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(120), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    job_number: Mapped[int | None] = mapped_column(BigInteger)
    version: Mapped[str] = mapped_column(String(40))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LaneWaitRow(Base):
    """The cause that keeps one worker from calling in one lane, as that worker reported it last."""

    __tablename__ = "lane_waits"
    __table_args__ = ({"sqlite_with_rowid": False},)

    worker: Mapped[str] = mapped_column(String(120), primary_key=True)
    lane: Mapped[str] = mapped_column(String(200), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    message: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EmergencyStopRow(Base):
    """An emergency stop in force; `scope` is its tenant, or empty for all. It ends when its row is removed.

    `lanes` is what the keys of all lanes of the same Entra tenant begin with.
    """

    __tablename__ = "emergency_stops"
    __table_args__ = ({"sqlite_with_rowid": False},)

    scope: Mapped[str] = mapped_column(String(200), primary_key=True)
    tenant: Mapped[str | None] = mapped_column(String(200))
    lanes: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    stopped_by: Mapped[str] = mapped_column(Text)
    stopped_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AcknowledgementRow(Base):
    """A person acknowledged an item that needs attention (domain/attention.py), as it stood before `at`."""

    __tablename__ = "acknowledgements"
    __table_args__ = ({"sqlite_with_rowid": False},)

    item: Mapped[str] = mapped_column(String(300), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


class SavedListRow(Base):
    """A device list under a name; its devices are in its versions."""

    __tablename__ = "lists"
    __table_args__ = (UniqueConstraint("name"),)

    number: Mapped[int] = mapped_column(_BigKey, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))


class ListVersionRow(Base):
    """One import of a list; nobody sees it before it is whole. `added` and `removed` compare it with the one before."""

    __tablename__ = "list_versions"

    list_number: Mapped[int] = mapped_column(
        _BigKey, ForeignKey("lists.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    is_complete: Mapped[bool] = mapped_column("is_whole", Boolean, server_default=false(), key="is_complete")
    via: Mapped[str] = mapped_column(String(40))
    columns: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(String(64))
    intake_rows: Mapped[int] = mapped_column(BigInteger, server_default="0")
    devices: Mapped[int] = mapped_column(BigInteger, server_default="0")
    duplicates: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rejected: Mapped[int] = mapped_column(BigInteger, server_default="0")
    added: Mapped[int] = mapped_column(BigInteger, server_default="0")
    removed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    imported_by: Mapped[str] = mapped_column(Text)
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ListPageRow(Base):
    """Some thousand rows of a list version, compressed: what they said, and the devices that they name."""

    __tablename__ = "list_pages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["list_number", "version"],
            ["list_versions.list_number", "list_versions.version"],
            ondelete="CASCADE",
            name="fk_list_pages_list_versions",
        ),
    )

    list_number: Mapped[int] = mapped_column(_BigKey, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    page: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    devices: Mapped[bytes] = mapped_column(LargeBinary)


class ScheduleRow(Base):
    """When jobs are submitted by themselves. `due_at` is `next_at` with its jitter: what a clock looks for."""

    __tablename__ = "schedules"
    __table_args__ = (
        CheckConstraint("status IN ('active','paused','set aside','ended')", name="status"),
        UniqueConstraint("name"),
    )

    number: Mapped[int] = mapped_column(_BigKey, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(Text)
    list_name: Mapped[str] = mapped_column(String(200))
    definition: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    creator: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OccurrenceRow(Base):
    """One occurrence of a schedule. The key makes one job at most of each occurrence.

    Whoever makes the job holds the row meanwhile; `more` counts further times that the row stands for.
    """

    __tablename__ = "moments"
    __table_args__ = (
        CheckConstraint(
            "status IN ('starting','queued','started','skipped','missed','blackout','failed')", name="status"
        ),
    )

    schedule_number: Mapped[int] = mapped_column(
        _BigKey, ForeignKey("schedules.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    status: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(Text)
    by: Mapped[str | None] = mapped_column(Text)
    more: Mapped[int] = mapped_column(BigInteger, server_default="0")
    job: Mapped[str | None] = mapped_column(String(32))
    list_version: Mapped[int | None] = mapped_column(Integer)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
    holder: Mapped[str | None] = mapped_column(String(120))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BlackoutRow(Base):
    """A time in which no schedule calls anybody: of one schedule, of a tenant, or of all. Local times have no zone."""

    __tablename__ = "blackouts"

    number: Mapped[int] = mapped_column(_BigKey, Identity(), primary_key=True)
    schedule_number: Mapped[int | None] = mapped_column(_BigKey, ForeignKey("schedules.number", ondelete="CASCADE"))
    tenant: Mapped[str | None] = mapped_column(String(200))
    starts: Mapped[str] = mapped_column(String(40))
    ends: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str | None] = mapped_column(Text)


class NoticeRow(Base):
    """One message to one channel: written with what it tells of, sent later, and kept with what came of it."""

    __tablename__ = "notices"
    __table_args__ = (
        CheckConstraint("status IN ('waiting','sent','failed')", name="status"),
        UniqueConstraint("channel", "key"),
    )

    number: Mapped[int] = mapped_column(_BigKey, Identity(), primary_key=True)
    channel: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(200))
    event: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(Text)
    payload: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    holder: Mapped[str | None] = mapped_column(String(120))


class KeyRow(Base):
    """An API key: of its secret only the hash.

    `creator` names the caller (domain/access.py) who made it. `end_by_upgrade` marks an end that nobody chose: the
    upgrade to the release in which keys expire gave it.
    """

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(10))
    ceiling: Mapped[int | None] = mapped_column(BigInteger)
    actions: Mapped[str | None] = mapped_column(Text)
    tenants: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    creator: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_from: Mapped[str | None] = mapped_column(Text)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    replaced_by: Mapped[str | None] = mapped_column(String(12))
    end_by_upgrade: Mapped[bool] = mapped_column(Boolean, server_default=false())


class AuditEntryRow(Base):
    """One line of the audit log; nothing changes it, but for the count of a line that stands for many refusals."""

    __tablename__ = "deeds"

    number: Mapped[int] = mapped_column(_BigKey, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    who: Mapped[str] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    facts: Mapped[str | None] = mapped_column(Text)
    is_command_line: Mapped[bool | None]


class RefusalRow(Base):
    """How often one kind of refusal happened since `since`; `deed` is the line that counts those after the tenth."""

    __tablename__ = "refusals"

    kind: Mapped[str] = mapped_column(String(300), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    times: Mapped[int] = mapped_column(BigInteger)
    audit_entry: Mapped[int | None] = mapped_column("deed", BigInteger, key="audit_entry")


class SessionRow(Base):
    """A person who signed in to the dashboard: of the cookie only the hash.

    `person` is TENANT/OBJECT in the directory. `sealed` is the refresh token of the sign-in, encrypted under the secret
    in the cookie. A row without `way` was written by the release before, and opens nothing.
    """

    __tablename__ = "sessions"

    secret_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(10))
    ceiling: Mapped[int | None] = mapped_column(BigInteger)
    actions: Mapped[str | None] = mapped_column(Text)
    tenants: Mapped[str | None] = mapped_column(Text)
    key_id: Mapped[str | None] = mapped_column(String(12))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    way: Mapped[str | None] = mapped_column(String(10))
    origin: Mapped[str | None] = mapped_column(Text)
    person: Mapped[str | None] = mapped_column(Text)
    signed_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_check_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    check_lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sealed: Mapped[str | None] = mapped_column(Text)


class NewKeyRow(Base):
    """A key that was just made in a session of the dashboard, and not shown yet.

    The text of the key follows from `nonce` and from the session's own secret, of which only the hash is kept: who
    reads this table cannot tell the text.
    """

    __tablename__ = "new_keys"

    key_id: Mapped[str] = mapped_column(String(12), primary_key=True)
    session_hash: Mapped[str] = mapped_column(
        String(64), ForeignKey("sessions.secret_hash", ondelete="CASCADE"), index=True
    )
    nonce: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SignInRow(Base):
    """A sign-in that was sent to Entra and has not come back yet."""

    __tablename__ = "sign_ins"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    flow: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JobEventRow(Base):
    """An event of a job: the marks in its chart (domain/course.py)."""

    __tablename__ = "job_events"

    job_number: Mapped[int] = mapped_column(
        _BigKey, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    kind: Mapped[str] = mapped_column(String(12), primary_key=True)


class SampleRow(Base):
    """How many targets of a running job were settled at a time: the line in its chart.

    `per_second` is the limit of its lane at that moment, None where nothing limited it.
    """

    __tablename__ = "samples"

    job_number: Mapped[int] = mapped_column(
        _BigKey, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    accepted: Mapped[int] = mapped_column(BigInteger)
    settled: Mapped[int] = mapped_column(BigInteger)
    per_second: Mapped[float | None] = mapped_column(Float(53))


class InventoryRow(Base):
    """One reading of a tenant's devices: hidden while it is `receiving`, in force while it is `current`.

    A refresh that removes too many devices is `pending` until a person accepts it. `tenant` is cloud and Entra tenant.
    """

    __tablename__ = "inventories"
    __table_args__ = (CheckConstraint("status IN ('receiving','pending','current','old')", name="status"),)

    number: Mapped[int] = mapped_column(_BigKey, Identity(), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(12))
    source: Mapped[str] = mapped_column(String(20))
    file_name: Mapped[str | None] = mapped_column(Text)
    read_by: Mapped[str] = mapped_column(Text)
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)
    touched_at: Mapped[datetime] = mapped_column(UtcDateTime)
    figures: Mapped[str | None] = mapped_column(Text)
    changes: Mapped[str | None] = mapped_column(Text)


class InventoryDeviceRow(Base):
    """One device of an inventory; the `_key` columns hold the form in which two spellings are equal."""

    __tablename__ = "inventory_devices"
    inventory: Mapped[int] = mapped_column(
        _BigKey, ForeignKey("inventories.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str | None] = mapped_column(Text)
    name_key: Mapped[str | None] = mapped_column(Text)
    serial_number: Mapped[str | None] = mapped_column(Text)
    serial_key: Mapped[str | None] = mapped_column(Text)
    entra_device_id: Mapped[str | None] = mapped_column(String(36))
    configmgr_id: Mapped[str | None] = mapped_column(String(36))
    user_id: Mapped[str | None] = mapped_column(String(36))
    user_principal_name: Mapped[str | None] = mapped_column(Text)
    os: Mapped[str | None] = mapped_column(Text)
    management_agent: Mapped[str | None] = mapped_column(Text)
    last_contact_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    objection: Mapped[str | None] = mapped_column(Text)


class TargetLookupRow(Base):
    """A device's targets across all jobs; `key` is the end of the device's id, so several devices may share one.

    Written in the background, sorted, some thousand targets at a time: an index on `targets` itself would make storing
    a job two to three times as slow. Rows of removed jobs are harmless, since a reader joins `targets`.
    """

    __tablename__ = "target_lookup"
    __table_args__ = ({"sqlite_with_rowid": False},)

    key: Mapped[str] = mapped_column(String(12), primary_key=True)
    job_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class UnlistedJobRow(Base):
    """A job whose targets after `line` are not in `target_lookup` yet; a reader looks through those one by one."""

    __tablename__ = "unlisted_jobs"

    job_number: Mapped[int] = mapped_column(
        _BigKey, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    line: Mapped[int] = mapped_column(BigInteger, server_default="0")
