"""Records of acts are chained by hash, in the order of their commits, with nobody's help."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

# What is hashed of a record, as text (form 1): each column as its length in bytes, a colon, the
# text and a comma; NULL is "-,". No two records have the same. docs/adr/0024-chained-records.md.
TEXT_SQL = """
CREATE FUNCTION accounts_audit_part(value text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(octet_length(convert_to(value, 'UTF8')) || ':' || value, '-') || ','
$$;
-- PL/pgSQL keeps its plans; a function in SQL would be planned anew for each record.
CREATE FUNCTION accounts_audit_text(act accounts_auditrecord) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN accounts_audit_part(act.id::text)
        || accounts_audit_part(act.actor_kind)
        || accounts_audit_part(act.actor_name)
        || accounts_audit_part(act.role)
        || accounts_audit_part(act.user_id::text)
        || accounts_audit_part(act.key_id::text)
        || accounts_audit_part(act.address)
        || accounts_audit_part(act.request_id)
        || accounts_audit_part(act.act)
        || accounts_audit_part(act.subject)
        || accounts_audit_part(act.reason)
        || accounts_audit_part(act.details::text)
        || accounts_audit_part(trunc(extract(epoch FROM act.created_at) * 1000000)::text);
END
$$;
CREATE FUNCTION accounts_audit_hash(place bigint, previous bytea, columns text) RETURNS bytea
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN sha256(previous || convert_to(
        accounts_audit_part('1') || accounts_audit_part(place::text) || columns, 'UTF8'
    ));
END
$$;
"""
TEXT_DROP_SQL = """
DROP FUNCTION accounts_audit_hash(bigint, bytea, text);
DROP FUNCTION accounts_audit_text(accounts_auditrecord);
DROP FUNCTION accounts_audit_part(text);
"""

# A turn stands here from the moment when its transaction begins to commit until it is linked:
# outside of a transaction nobody ever sees a row. It needs to survive nothing.
TURNS_SQL = """
CREATE UNLOGGED TABLE accounts_auditturn (record_id bigint PRIMARY KEY);
"""

# What is deferred runs at COMMIT, in rounds: first what statements have queued, in their order, the
# checks of foreign keys among it, which wait for locks of rows; then what that has queued, and so
# on. The first round gives a record its turn, the second takes it. So the chain's lock is the last
# for which a transaction ever waits, and whoever holds it waits for nobody.
#
# The functions have the owner's rights, as the run role writes neither turns nor links; hence the
# fixed search_path, in which temporary tables, which anybody may make, come last, and hence no
# EXECUTE for anybody: else a trigger on a temporary table of one's own would call them.
CHAIN_SQL = """
DO $make$ BEGIN EXECUTE format($sql$
    CREATE FUNCTION accounts_audit_await_turn() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = %1$I, pg_temp AS $function$
    BEGIN
        INSERT INTO accounts_auditturn (record_id) VALUES (NEW.id);
        RETURN NULL;
    END
    $function$;
    CREATE FUNCTION accounts_audit_take_turn() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = %1$I, pg_temp AS $function$
    DECLARE
        act accounts_auditrecord;
        place bigint;
        before bytea;
        columns text;
    BEGIN
        DELETE FROM accounts_auditturn WHERE record_id = NEW.record_id;
        SELECT * INTO STRICT act FROM accounts_auditrecord WHERE id = NEW.record_id;
        columns := accounts_audit_text(act);
        PERFORM pg_advisory_xact_lock(20100, 1);
        SELECT position, hash INTO place, before
            FROM accounts_auditlink ORDER BY position DESC LIMIT 1;
        place := coalesce(place, 0) + 1;
        before := coalesce(before, decode(repeat('00', 32), 'hex'));
        INSERT INTO accounts_auditlink (position, record_id, form, previous, hash)
            VALUES (place, act.id, 1, before, accounts_audit_hash(place, before, columns));
        RETURN NULL;
    END
    $function$
$sql$, current_schema()); END $make$;
REVOKE ALL ON FUNCTION accounts_audit_await_turn() FROM PUBLIC;
REVOKE ALL ON FUNCTION accounts_audit_take_turn() FROM PUBLIC;
"""
CHAIN_DROP_SQL = """
DROP FUNCTION accounts_audit_take_turn();
DROP FUNCTION accounts_audit_await_turn();
"""

# What is on record already, in the order of ids.
FILL_SQL = """
DO $$
DECLARE
    act accounts_auditrecord;
    place bigint := 0;
    before bytea := decode(repeat('00', 32), 'hex');
    after bytea;
BEGIN
    FOR act IN SELECT * FROM accounts_auditrecord ORDER BY id LOOP
        place := place + 1;
        after := accounts_audit_hash(place, before, accounts_audit_text(act));
        INSERT INTO accounts_auditlink (position, record_id, form, previous, hash)
            VALUES (place, act.id, 1, before, after);
        before := after;
    END LOOP;
END $$;
"""

# The function that refuses is the ledger's (0002).
TRIGGERS_SQL = """
CREATE CONSTRAINT TRIGGER audit_record_chained AFTER INSERT ON accounts_auditrecord
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION accounts_audit_await_turn();
CREATE CONSTRAINT TRIGGER audit_turn_taken AFTER INSERT ON accounts_auditturn
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION accounts_audit_take_turn();
CREATE TRIGGER audit_link_append_only
    BEFORE UPDATE OR DELETE ON accounts_auditlink
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
CREATE TRIGGER audit_link_no_truncate
    BEFORE TRUNCATE ON accounts_auditlink
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
"""
TRIGGERS_DROP_SQL = """
DROP TRIGGER audit_link_no_truncate ON accounts_auditlink;
DROP TRIGGER audit_link_append_only ON accounts_auditlink;
DROP TRIGGER audit_turn_taken ON accounts_auditturn;
DROP TRIGGER audit_record_chained ON accounts_auditrecord;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_operators_words")]

    operations = [
        migrations.AddField(
            model_name="auditrecord",
            name="role",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddIndex(
            model_name="auditrecord",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="audit_created"
            ),
        ),
        migrations.CreateModel(
            name="AuditLink",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "record",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="link",
                        to="accounts.auditrecord",
                    ),
                ),
                ("form", models.SmallIntegerField()),
                ("previous", models.BinaryField()),
                ("hash", models.BinaryField()),
            ],
        ),
        migrations.RunSQL(TEXT_SQL, TEXT_DROP_SQL),
        migrations.RunSQL(TURNS_SQL, "DROP TABLE accounts_auditturn"),
        migrations.RunSQL(CHAIN_SQL, CHAIN_DROP_SQL),
        migrations.RunSQL(FILL_SQL, migrations.RunSQL.noop),
        migrations.RunSQL(TRIGGERS_SQL, TRIGGERS_DROP_SQL),
    ]
