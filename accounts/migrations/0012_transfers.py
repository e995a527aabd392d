"""Transfers between accounts of one owner, append-only like the ledger, and their kind in it."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# The function is the ledger's (0002).
APPEND_ONLY_SQL = """
CREATE TRIGGER transfer_append_only
    BEFORE UPDATE OR DELETE ON accounts_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
CREATE TRIGGER transfer_no_truncate
    BEFORE TRUNCATE ON accounts_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
"""
APPEND_ONLY_DROP_SQL = """
DROP TRIGGER transfer_no_truncate ON accounts_transfer;
DROP TRIGGER transfer_append_only ON accounts_transfer;
"""
ENTRY_KINDS = [
    ("trade", "Trade"),
    ("fee", "Fee"),
    ("deposit", "Deposit"),
    ("withdrawal", "Withdrawal"),
    ("adjustment", "Adjustment"),
    ("transfer", "Transfer"),
]
TRANSACTION_KINDS = [kind for kind in ENTRY_KINDS if kind[0] != "fee"]


def one_of(model: str, **options: bool) -> models.ForeignKey:
    """Return a reference that no index of its own is kept for."""
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=model,
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_users_keys")]

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
        migrations.CreateModel(
            name="Transfer",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        db_default=models.Func(
                            function="zavora_next_id", output_field=models.BigIntegerField()
                        ),
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "public_id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, unique=True, verbose_name="transfer id"
                    ),
                ),
                ("owner", one_of(settings.AUTH_USER_MODEL)),
                ("from_account", one_of("accounts.account")),
                ("to_account", one_of("accounts.account")),
                ("asset", one_of("accounts.asset")),
                ("amount", models.DecimalField(decimal_places=18, max_digits=38)),
                ("idempotency_key", models.CharField(blank=True, max_length=128, null=True)),
                (
                    "transaction",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.ledgertransaction",
                    ),
                ),
                ("created_by", one_of(settings.AUTH_USER_MODEL, blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["from_account", "idempotency_key"], name="transfer_key"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(amount__gt=0) & models.Q(amount__lt=10**20),
                        name="transfer_amount_positive",
                    ),
                    models.CheckConstraint(
                        condition=~models.Q(from_account=models.F("to_account")),
                        name="transfer_two_accounts",
                    ),
                ],
                "indexes": [
                    models.Index(models.F("owner"), models.F("id").desc(), name="transfer_owner"),
                    models.Index(
                        models.F("from_account"), models.F("id").desc(), name="transfer_from"
                    ),
                    models.Index(models.F("to_account"), models.F("id").desc(), name="transfer_to"),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY_SQL, APPEND_ONLY_DROP_SQL),
    ]
