"""A kind of the ledger's transactions and entries: what orders of one owner exchange that met."""

from django.db import migrations, models

ENTRY_KINDS = [
    ("trade", "Trade"),
    ("fee", "Fee"),
    ("deposit", "Deposit"),
    ("withdrawal", "Withdrawal"),
    ("adjustment", "Adjustment"),
    ("transfer", "Transfer"),
    ("prevented", "Prevented"),
]
TRANSACTION_KINDS = [kind for kind in ENTRY_KINDS if kind[0] != "fee"]


class Migration(migrations.Migration):
    dependencies = [("accounts", "0022_paced_ids")]

    operations = [
        migrations.AlterField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(choices=ENTRY_KINDS, max_length=12),
        ),
        migrations.AlterField(
            model_name="ledgertransaction",
            name="kind",
            field=models.CharField(choices=TRANSACTION_KINDS, max_length=12),
        ),
    ]
