"""Reports and published liabilities; what was published is append-only like the ledger."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# The function is the ledger's (0002). What was said in public is not unsaid.
APPEND_ONLY_SQL = """
CREATE TRIGGER liability_snapshot_append_only
    BEFORE UPDATE OR DELETE ON accounts_liabilitysnapshot
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
CREATE TRIGGER liability_tree_append_only
    BEFORE UPDATE OR DELETE ON accounts_liabilitytree
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
"""
APPEND_ONLY_DROP_SQL = """
DROP TRIGGER liability_tree_append_only ON accounts_liabilitytree;
DROP TRIGGER liability_snapshot_append_only ON accounts_liabilitysnapshot;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_transfers"),
    ]

    operations = [
        migrations.CreateModel(
            name="LiabilitySnapshot",
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
                ("secret", models.BinaryField(max_length=32)),
                ("taken_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="LiabilityTree",
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
                ("root", models.CharField(help_text="SHA-256, hexadecimal.", max_length=64)),
                ("total", models.DecimalField(decimal_places=18, max_digits=58)),
                ("leaves", models.BigIntegerField()),
                ("blocks", models.BinaryField()),
                (
                    "asset",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.asset",
                    ),
                ),
                (
                    "snapshot",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trees",
                        to="accounts.liabilitysnapshot",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("snapshot", "asset"), name="liability_tree_asset"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("leaves__gt", 0), ("total__gte", 0)),
                        name="liability_tree_not_empty",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LiabilityLeaf",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.BigIntegerField()),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=18, help_text="Available and locked together.", max_digits=38
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
                (
                    "tree",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.liabilitytree",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "liability leaves",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tree", "position"), name="liability_leaf_position"
                    ),
                    models.UniqueConstraint(
                        fields=("account", "tree"), name="liability_leaf_account"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="liability_leaf_positive"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Report",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("statement", "Statement"),
                            ("trades", "Trades"),
                            ("daily", "Daily"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "format",
                    models.CharField(choices=[("csv", "CSV"), ("pdf", "PDF")], max_length=3),
                ),
                ("period_from", models.DateTimeField()),
                ("period_to", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("making", "Making"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                        max_length=8,
                    ),
                ),
                ("progress", models.PositiveSmallIntegerField(default=0, help_text="Per cent.")),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("size", models.BigIntegerField(default=0, help_text="Bytes.")),
                (
                    "digest",
                    models.CharField(blank=True, help_text="The file's SHA-256.", max_length=64),
                ),
                ("note", models.CharField(blank=True, help_text="Why it failed.", max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "permissions": [("export_reports", "Can download reports of the whole exchange")],
                "indexes": [
                    models.Index(
                        models.F("account"),
                        models.OrderBy(models.F("id"), descending=True),
                        name="report_account",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ["pending", "making"])),
                        fields=["id"],
                        name="report_open",
                    ),
                    models.Index(fields=["expires_at"], name="report_expiry"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "failed"), _negated=True),
                        fields=("account", "kind", "format", "period_from", "period_to"),
                        name="report_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("period_from__lt", models.F("period_to"))),
                        name="report_period",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("account__isnull", True), ("kind", "daily")),
                            models.Q(
                                models.Q(("kind", "daily"), _negated=True),
                                ("account__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="report_about",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReportPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("body", models.BinaryField()),
                (
                    "report",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="accounts.report",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("report", "number"), name="report_part_number"),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY_SQL, APPEND_ONLY_DROP_SQL),
    ]
