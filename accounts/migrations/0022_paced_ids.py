"""Ids outside the workers: a bulk of rows waits where the count of a millisecond is used up."""

from django.db import migrations

# As in 0001, and whoever draws the count's first number has let its millisecond pass: one
# statement's ids never meet, however many rows it has.
PACED_SQL = """
CREATE OR REPLACE FUNCTION zavora_next_id() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    count bigint := nextval('zavora_id_count');
BEGIN
    IF count = 0 THEN
        PERFORM pg_sleep(0.001);
    END IF;
    RETURN ((extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1735689600000) << 13
        | (63 << 7) | count;
END
$$;
"""
BEFORE_SQL = """
CREATE OR REPLACE FUNCTION zavora_next_id() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT ((extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1735689600000) << 13
        | (63 << 7) | nextval('zavora_id_count')
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0021_privacy")]

    operations = [migrations.RunSQL(PACED_SQL, BEFORE_SQL)]
