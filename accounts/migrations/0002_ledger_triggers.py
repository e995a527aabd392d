"""The ledger defends itself: it is append-only, and what is added sums to zero per asset."""

from django.db import migrations

# Statement triggers: they cost one call for a COPY of thousands of rows, not one a row. TRUNCATE
# has one of its own, so that a test database can be emptied between tests without it.
APPEND_ONLY_SQL = """
CREATE FUNCTION accounts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER ledger_transaction_append_only
    BEFORE UPDATE OR DELETE ON accounts_ledgertransaction
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
CREATE TRIGGER ledger_transaction_no_truncate
    BEFORE TRUNCATE ON accounts_ledgertransaction
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
CREATE TRIGGER ledger_entry_append_only
    BEFORE UPDATE OR DELETE ON accounts_ledgerentry
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
CREATE TRIGGER ledger_entry_no_truncate
    BEFORE TRUNCATE ON accounts_ledgerentry
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
"""
APPEND_ONLY_DROP_SQL = """
DROP TRIGGER ledger_entry_no_truncate ON accounts_ledgerentry;
DROP TRIGGER ledger_entry_append_only ON accounts_ledgerentry;
DROP TRIGGER ledger_transaction_no_truncate ON accounts_ledgertransaction;
DROP TRIGGER ledger_transaction_append_only ON accounts_ledgertransaction;
DROP FUNCTION accounts_refuse_change();
"""

# All entries of a transaction come in one statement, so the statement's rows are all there is to
# sum; nothing that was there before has to be read.
SUM_TO_ZERO_SQL = """
CREATE FUNCTION accounts_entries_sum_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken record;
BEGIN
    SELECT transaction_id, asset_id, sum(amount) AS off INTO broken
        FROM inserted GROUP BY transaction_id, asset_id HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entries of ledger transaction % in asset % sum to %, not to zero',
            broken.transaction_id, broken.asset_id, broken.off
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_sum_to_zero';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER ledger_entries_sum_to_zero
    AFTER INSERT ON accounts_ledgerentry REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_entries_sum_to_zero();
"""
SUM_TO_ZERO_DROP_SQL = """
DROP TRIGGER ledger_entries_sum_to_zero ON accounts_ledgerentry;
DROP FUNCTION accounts_entries_sum_to_zero();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunSQL(APPEND_ONLY_SQL, APPEND_ONLY_DROP_SQL),
        migrations.RunSQL(SUM_TO_ZERO_SQL, SUM_TO_ZERO_DROP_SQL),
    ]
