"""Events go by a function of the owner: the role that serves may add and read them only."""

from django.db import migrations

# It runs with the owner's rights, so its search_path is fixed and temporary tables, which anybody
# may make, come last. The day is the least that gaps in feeds are filled from (EVENTS_KEPT).
CREATE_SQL = """
DO $make$ BEGIN EXECUTE format($sql$
    CREATE FUNCTION matching_purge_events(before timestamptz, count_max integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = %I, pg_temp AS $function$
        WITH oldest AS (
            SELECT id FROM matching_event ORDER BY id LIMIT least(count_max, 10000)
        ), gone AS (
            DELETE FROM matching_event e USING oldest
            WHERE e.id = oldest.id AND e.batch_at < least(before, now() - interval '1 day')
            RETURNING 1
        )
        SELECT count(*) FROM gone
    $function$
$sql$, current_schema()); END $make$
"""
DROP_SQL = "DROP FUNCTION matching_purge_events(timestamptz, integer)"


class Migration(migrations.Migration):
    dependencies = [("matching", "0003_order_open_account")]

    operations = [migrations.RunSQL(CREATE_SQL, DROP_SQL)]
