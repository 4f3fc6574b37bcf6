"""Pace every lane in its row.

Why: until now Redis kept the pace of a lane, and the row only while Redis was away. Now the row is the one throttle.

Workers of the release before may run beside those of this one. They read in `keeper` who counts, in the transaction of
every intent, and obey it. So every lane gets a row that says "row", and triggers keep that word: a worker that wrote
"redis", or a lane that is new, changes nothing. Permits that Redis granted before are used up first: no row grants
anything for ten seconds, which is 1.4 s for the permits (1.26 s ahead, 0.15 s of life) and the rest for the time until
this migration is committed.

The column `keeper` and the triggers go in the release after this one.
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_PAUSE = 10.0
"""Seconds without calls in lanes with a limit while the installation is upgraded."""

_KNOWN = """
INSERT INTO lanes (key, last_departure) SELECT DISTINCT lane, 0 FROM jobs ON CONFLICT DO NOTHING
"""

# A departure further ahead than its reach would be taken for a clock that went back.
_PUT_OFF = f"""
UPDATE lanes SET keeper = 'row',
    last_departure = greatest(last_departure, extract(epoch FROM clock_timestamp()) + {_PAUSE}),
    reach = greatest(reach, {_PAUSE})
WHERE key NOT LIKE 'reads/%' AND key NOT LIKE 'exports/%'
"""  # noqa: S608 - the number above

_PIN = """
CREATE FUNCTION muster_pin_keeper() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.keeper := 'row'; RETURN NEW; END $$
"""

# A lane without a row would count as kept by Redis.
_KNOW = """
CREATE FUNCTION muster_know_lane() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO lanes (key, last_departure, reach)
    VALUES (NEW.lane, extract(epoch FROM clock_timestamp()) + 0.3, 0.3) ON CONFLICT DO NOTHING;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        # An embedded installation has had no other throttle than the row, and reads the column nowhere.
        return
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(_PIN)
    op.execute(_KNOW)
    op.execute(
        "CREATE TRIGGER muster_pin_keeper BEFORE INSERT OR UPDATE ON lanes "
        "FOR EACH ROW EXECUTE FUNCTION muster_pin_keeper()"
    )
    op.execute(
        "CREATE TRIGGER muster_know_lane BEFORE INSERT OR UPDATE OF lane ON jobs "
        "FOR EACH ROW EXECUTE FUNCTION muster_know_lane()"
    )
    op.execute(_KNOWN)
    op.execute(_PUT_OFF)


def downgrade() -> None:
    """Workers of the release before begin in Redis with what the row knows, once all of this release have ended."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP TRIGGER muster_know_lane ON jobs")
    op.execute("DROP TRIGGER muster_pin_keeper ON lanes")
    op.execute("DROP FUNCTION muster_know_lane()")
    op.execute("DROP FUNCTION muster_pin_keeper()")
    op.execute("UPDATE lanes SET keeper = 'redis'")
