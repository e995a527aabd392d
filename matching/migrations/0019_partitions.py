"""Journal, orders and trades are split by months, events by days; nothing is rewritten."""

from django.db import migrations, models

from zavora.foundation.partitions.splitting import split_table

# Ids of events were a count; of later ones they are time, as all ids are, so that a day's events can
# go at once. The sequence keeps its name and who may use it.
NEXT_ID_SQL = """
CREATE OR REPLACE FUNCTION matching_next_event_id() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT zavora_first_id_of(clock_timestamp()) | (nextval('matching_event_id_seq') & 8191)
$$;
"""
EVENT_ID_SQL = """
DO $$
DECLARE
    users text;
BEGIN
    SELECT string_agg(DISTINCT a.grantee::regrole::text, ', ') INTO users
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'matching_event_id_seq'::regclass AND a.grantee NOT IN (0, c.relowner);
    ALTER TABLE matching_event ALTER COLUMN id DROP IDENTITY IF EXISTS;
    CREATE SEQUENCE IF NOT EXISTS matching_event_id_seq;
    IF users IS NOT NULL THEN
        EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE matching_event_id_seq TO %s', users);
    END IF;
    ALTER TABLE matching_event ALTER COLUMN id SET DEFAULT matching_next_event_id();
END
$$
"""
# A day of events goes as a table, with a lock that nobody waits for longer than a moment: what does
# not get it comes the next time. Only of the first partition, whose ids were a count, rows are
# deleted, until its time is over, too. Rights and search_path are as in 0004.
PURGE_SQL = """
DO $make$ BEGIN EXECUTE format($sql$
    CREATE OR REPLACE FUNCTION matching_purge_events(before timestamptz, count_max integer)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = %I, pg_temp SET lock_timeout = '150ms' AS $function$
    DECLARE
        until timestamptz := least(before, now() - interval '1 day');
        oldest record;
        gone bigint;
    BEGIN
        PERFORM 'matching_event'::regclass;  -- or there is none, which is no success
        SELECT * INTO oldest FROM zavora_partitions('matching_event') LIMIT 1;
        IF oldest.high <= zavora_first_id_of(until) THEN
            EXECUTE format('SELECT count(*) FROM %%I', oldest.name) INTO gone;
            EXECUTE format('DROP TABLE %%I', oldest.name);
            RETURN greatest(gone, 1);
        ELSIF oldest.name = 'matching_event_first' THEN
            WITH next AS (
                SELECT id FROM matching_event_first ORDER BY id LIMIT least(count_max, 10000)
            ), deleted AS (
                DELETE FROM matching_event_first e USING next
                WHERE e.id = next.id AND e.batch_at < until RETURNING 1
            )
            SELECT count(*) INTO gone FROM deleted;
            RETURN gone;
        END IF;
        RETURN 0;
    EXCEPTION WHEN lock_not_available THEN
        RETURN 0;
    END
    $function$
$sql$, current_schema()); END $make$
"""
MONTHLY = ("matching_command", "matching_order", "matching_trade")


def split(_, schema_editor):
    for table in MONTHLY:
        split_table(schema_editor, table, period="month")
    split_table(schema_editor, "matching_event", period="day", before=EVENT_ID_SQL)


class Migration(migrations.Migration):
    # Each step is a transaction of its own, and finds what those before it have done.
    atomic = False
    dependencies = [
        ("accounts", "0025_ledger_partitions"),
        ("matching", "0018_handover"),
    ]

    operations = [
        migrations.RunSQL(NEXT_ID_SQL, migrations.RunSQL.noop),
        # The way back leaves them split, which former versions need not know of.
        migrations.RunPython(split, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                # Unique within each partition, by an index of its own.
                migrations.RemoveConstraint("trade", "trade_market_sequence"),
                migrations.RemoveConstraint("event", "event_market_sequence"),
                migrations.AlterField(
                    "event",
                    "id",
                    models.BigIntegerField(
                        primary_key=True,
                        editable=False,
                        serialize=False,
                        db_default=models.Func(
                            function="matching_next_event_id",
                            output_field=models.BigIntegerField(),
                        ),
                    ),
                ),
            ],
        ),
        # Another language, so that it is made anew; what the former gave away is granted by `migrate`.
        migrations.RunSQL(PURGE_SQL, migrations.RunSQL.noop),
        migrations.RunSQL("SELECT zavora_make_partitions(3)", migrations.RunSQL.noop),
    ]
