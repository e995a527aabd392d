"""Leave room in the pages of balances: every batch rewrites their rows, and in place is cheapest."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_balance_index")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE accounts_balance SET (fillfactor = 40, autovacuum_vacuum_scale_factor = 0,"
            " autovacuum_vacuum_threshold = 5000)",
            "ALTER TABLE accounts_balance RESET (fillfactor, autovacuum_vacuum_scale_factor,"
            " autovacuum_vacuum_threshold)",
        )
    ]
