"""The ledger is split by months. What is there becomes the first partition, without a rewrite."""

import django.db.models.deletion
from django.db import migrations, models

from zavora.foundation.partitions.splitting import drop_key, split_table

MOVEMENTS = ("deposit", "withdrawal", "transfer")
TABLES = ("accounts_ledgertransaction", "accounts_ledgerentry")


def drop_keys(_, schema_editor):
    for name in MOVEMENTS:
        drop_key(schema_editor, f"accounts_{name}", "accounts_ledgertransaction")


def split(_, schema_editor):
    for table in TABLES:
        split_table(schema_editor, table, period="month")


def without_key(model, **options):
    return migrations.AlterField(
        model_name=model,
        name="transaction",
        field=models.OneToOneField(
            db_constraint=False,
            on_delete=django.db.models.deletion.PROTECT,
            related_name="+",
            to="accounts.ledgertransaction",
            **options,
        ),
    )


class Migration(migrations.Migration):
    # Each step is a transaction of its own, and finds what those before it have done.
    atomic = False
    dependencies = [("accounts", "0024_partition_functions")]

    operations = [
        # A partition that keys point into cannot leave before all of them have been looked up;
        # `reconcile` holds each movement against its entries anyway.
        # The way back leaves keys away and tables split, which former versions need not know of.
        migrations.RunPython(drop_keys, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                without_key("deposit", null=True, blank=True),
                without_key("withdrawal", null=True, blank=True),
                without_key("transfer"),
            ],
        ),
        migrations.RunPython(split, migrations.RunPython.noop),
        migrations.RunSQL("SELECT zavora_make_partitions(3)", migrations.RunSQL.noop),
    ]
