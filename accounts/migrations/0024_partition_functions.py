"""Tables that grow for ever are split by the time in their ids: what splits them, and makes more.

Everything about a partition stands in these functions, so that one made by the migration, by the
clock or by hand is the same: its bounds as a constraint (a later ATTACH scans nothing), its parent's
triggers (an INSERT or DELETE straight into a partition passes the parent's), the unique index that a
parent by id cannot have, and no rights but to read it (the run role writes through the parent).
"""

from django.db import migrations

# What is split, by months or days; what is unique within a partition beside the id; which rows are
# not history yet; and what must be known of rows that are in archives alone. What goes by days is
# not archived.
LIST_SQL = """
CREATE FUNCTION zavora_partitioned(
    OUT parent text, OUT period text, OUT alone text, OUT unfinished text, OUT carried text
) RETURNS SETOF record LANGUAGE sql IMMUTABLE AS $$
    VALUES ('accounts_ledgertransaction', 'month', NULL, NULL, NULL),
        ('accounts_ledgerentry', 'month', NULL, NULL, 'sums'),
        ('matching_command', 'month', NULL, NULL, NULL),
        ('matching_order', 'month', NULL, 'status IN (''new'', ''partially_filled'')'
            ' OR updated_at > now() - interval ''7 days''', NULL),
        ('matching_trade', 'month', 'market_id, sequence', NULL, 'numbers'),
        ('matching_event', 'day', 'market_id, sequence', NULL, NULL)
$$;
CREATE FUNCTION zavora_first_id_of(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ((extract(epoch FROM at) * 1000)::bigint - 1735689600000) << 13
$$;
CREATE FUNCTION zavora_time_of(id bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT to_timestamp(((id >> 13) + 1735689600000) / 1000.0)
$$;
CREATE FUNCTION zavora_partitions(
    parent text, OUT name text, OUT low bigint, OUT high bigint, OUT is_waiting boolean
) RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT c.relname::text, (regexp_match(bound, 'FROM \\(''(-?\\d+)''\\)'))[1]::bigint,
        (regexp_match(bound, 'TO \\(''(-?\\d+)''\\)'))[1]::bigint, i.inhdetachpending
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
        LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound) AS said
    WHERE i.inhparent = to_regclass(parent) ORDER BY 2 NULLS FIRST
$$;
"""
LIST_DROP_SQL = """
DROP FUNCTION zavora_partitions(text);
DROP FUNCTION zavora_time_of(bigint);
DROP FUNCTION zavora_first_id_of(timestamptz);
DROP FUNCTION zavora_partitioned();
"""

# Of statements: a trigger for each row would be cloned by PostgreSQL itself.
TRIGGERS_SQL = """
CREATE FUNCTION zavora_copy_triggers(source regclass, target regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    trigger record;
BEGIN
    FOR trigger IN
        SELECT t.tgname, t.tgenabled, pg_get_triggerdef(t.oid) AS definition FROM pg_trigger t
        WHERE t.tgrelid = source AND NOT t.tgisinternal AND t.tgtype & 1 = 0
            AND NOT EXISTS (
                SELECT FROM pg_trigger k WHERE k.tgrelid = target AND k.tgname = t.tgname)
        ORDER BY t.tgname
    LOOP
        EXECUTE regexp_replace(trigger.definition, ' ON \\S+ ', format(' ON %s ', target));
        IF trigger.tgenabled = 'D' THEN
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', target, trigger.tgname);
        END IF;
    END LOOP;
END
$$;
"""
TRIGGERS_DROP_SQL = "DROP FUNCTION zavora_copy_triggers(regclass, regclass)"

# A table of its own that is attached when all is ready: PARTITION OF would lock the parent against
# every batch, ATTACH does not.
MAKE_SQL = """
CREATE FUNCTION zavora_make_partition_alone(parent text, name text, low bigint, high bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    spec record;
    reader regrole;
BEGIN
    SELECT * INTO STRICT spec FROM zavora_partitioned() p
        WHERE p.parent = zavora_make_partition_alone.parent;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS'
        ' INCLUDING INDEXES INCLUDING STORAGE INCLUDING COMPRESSION)', name, parent);
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (%s id < %L::bigint)', name,
        name || '_bounds', coalesce(format('id >= %L::bigint AND', low), ''), high);
    IF spec.alone IS NOT NULL THEN
        EXECUTE format('CREATE UNIQUE INDEX %I ON %I (%s)', name || '_alone', name, spec.alone);
    END IF;
    PERFORM zavora_copy_triggers(parent::regclass, name::regclass);
    FOR reader IN
        SELECT a.grantee FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = parent::regclass AND a.privilege_type = 'SELECT'
            AND a.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('GRANT SELECT ON %I TO %s', name, reader);
    END LOOP;
END
$$;
CREATE FUNCTION zavora_make_partition(parent text, low bigint, high bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    SELECT format('%s_%s', p.parent, to_char(zavora_time_of(low) AT TIME ZONE 'UTC',
        CASE p.period WHEN 'day' THEN 'YYYYMMDD' ELSE 'YYYYMM' END)) INTO STRICT name
        FROM zavora_partitioned() p WHERE p.parent = zavora_make_partition.parent;
    PERFORM zavora_make_partition_alone(parent, name, low, high);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        parent, name, low, high);
    RETURN name;
END
$$;
"""
MAKE_DROP_SQL = """
DROP FUNCTION zavora_make_partition(text, bigint, bigint);
DROP FUNCTION zavora_make_partition_alone(text, text, bigint, bigint);
"""

# With the owner's rights, as what celery does has none: what it makes follows from the clock, and
# how much of it is bounded.
AHEAD_SQL = """
DO $make$ BEGIN EXECUTE format($sql$
    CREATE FUNCTION zavora_make_partitions(ahead integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = %I, pg_temp AS $function$
    DECLARE
        spec record;
        low bigint;
        high bigint;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('zavora_make_partitions'));
        FOR spec IN
            SELECT p.* FROM zavora_partitioned() p JOIN pg_class c ON c.oid = to_regclass(p.parent)
            WHERE c.relkind = 'p'
        LOOP
            LOOP
                SELECT max(p.high) INTO low FROM zavora_partitions(spec.parent) p;
                EXIT WHEN low IS NULL OR (
                    SELECT count(*) FROM zavora_partitions(spec.parent) p
                    WHERE p.low > zavora_first_id_of(now())
                ) >= least(ahead, 12);
                high := zavora_first_id_of((date_trunc(spec.period,
                    zavora_time_of(low) AT TIME ZONE 'UTC') + ('1 ' || spec.period)::interval)
                    AT TIME ZONE 'UTC');
                RETURN NEXT zavora_make_partition(spec.parent, low, high);
            END LOOP;
        END LOOP;
    END
    $function$
$sql$, current_schema()); END $make$;
REVOKE ALL ON FUNCTION zavora_make_partitions(integer) FROM PUBLIC;
"""
AHEAD_DROP_SQL = "DROP FUNCTION zavora_make_partitions(integer)"

# The table that is there becomes the first partition; nothing is rewritten. The caller has made and
# validated <parent>_first_bounds before. Who may do what goes over to the new parent in the same
# transaction.
SPLIT_SQL = """
CREATE FUNCTION zavora_split_table(parent text, high bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first text := parent || '_first';
    spec record;
    index record;
    grants record;
BEGIN
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent);
    SELECT * INTO STRICT spec FROM zavora_partitioned() p
        WHERE p.parent = zavora_split_table.parent;
    EXECUTE format('ALTER TABLE %I RENAME TO %I', parent, first);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS'
        ' INCLUDING STORAGE INCLUDING COMPRESSION) PARTITION BY RANGE (id)', parent, first);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', parent, first || '_bounds');
    FOR index IN
        SELECT c.relname AS name, i.indisprimary AS is_primary, i.indisunique AS is_unique,
            pg_get_indexdef(i.indexrelid) AS definition
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = first::regclass ORDER BY i.indexrelid
    LOOP
        EXECUTE format('ALTER INDEX %I RENAME TO %I', index.name, left(index.name, 56) || '_first');
        IF index.is_primary THEN
            EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I PRIMARY KEY (id)', parent, index.name);
        ELSIF NOT index.is_unique THEN
            -- The definition as it was: of the table that had the parent's name.
            EXECUTE regexp_replace(index.definition, 'INDEX \\S+ ON (ONLY )?\\S+ ',
                format('INDEX %I ON %I ', index.name, parent));
        END IF;
    END LOOP;
    PERFORM zavora_copy_triggers(first::regclass, parent::regclass);
    FOR grants IN
        SELECT a.grantee::regrole AS role, string_agg(a.privilege_type, ', ') AS rights
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = first::regclass AND a.grantee <> 0 AND a.grantee <> c.relowner
        GROUP BY a.grantee
    LOOP
        EXECUTE format('GRANT %s ON %I TO %s', grants.rights, parent, grants.role);
        EXECUTE format('REVOKE ALL ON %I FROM %s', first, grants.role);
        EXECUTE format('GRANT SELECT ON %I TO %s', first, grants.role);
    END LOOP;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
        parent, first, high);
END
$$;
"""
SPLIT_DROP_SQL = "DROP FUNCTION zavora_split_table(text, bigint)"

# What has left for good, as archives: of each what was in it, and what sums must be carried forward
# where its rows are missing. Written as the owner, in the transaction that drops the partition.
ARCHIVED_SQL = """
CREATE TABLE zavora_archived (
    name text PRIMARY KEY,
    parent text NOT NULL,
    low bigint,
    high bigint NOT NULL,
    rows bigint NOT NULL,
    manifest_sha256 text NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE zavora_archived_sum (
    name text NOT NULL REFERENCES zavora_archived ON DELETE CASCADE,
    account_id bigint NOT NULL,
    asset_id bigint NOT NULL,
    amount numeric(38, 18) NOT NULL,
    PRIMARY KEY (name, account_id, asset_id)
);
CREATE TABLE zavora_archived_trades (
    name text NOT NULL REFERENCES zavora_archived ON DELETE CASCADE,
    market_id bigint NOT NULL,
    rows bigint NOT NULL,
    lowest bigint NOT NULL,
    highest bigint NOT NULL,
    PRIMARY KEY (name, market_id)
);
"""
ARCHIVED_DROP_SQL = "DROP TABLE zavora_archived_trades, zavora_archived_sum, zavora_archived"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0023_prevented")]

    operations = [
        migrations.RunSQL(LIST_SQL, LIST_DROP_SQL),
        migrations.RunSQL(TRIGGERS_SQL, TRIGGERS_DROP_SQL),
        migrations.RunSQL(MAKE_SQL, MAKE_DROP_SQL),
        migrations.RunSQL(AHEAD_SQL, AHEAD_DROP_SQL),
        migrations.RunSQL(SPLIT_SQL, SPLIT_DROP_SQL),
        migrations.RunSQL(ARCHIVED_SQL, ARCHIVED_DROP_SQL),
    ]
