"""Let orders come in lists, markets hold auctions, and accounts protect their quotes.

Markets of before have no collars and keep their orders when they close.
"""

import datetime

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0021_privacy"),
        ("matching", "0010_order_conditions"),
    ]

    operations = [
        migrations.AddField(
            model_name="market",
            name="auction_fee_ppm",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="market",
            name="cancels_on_close",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="market",
            name="dynamic_collar_ppm",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="market",
            name="interruption_s",
            field=models.IntegerField(db_default=120, default=120),
        ),
        migrations.AddField(
            model_name="market",
            name="static_collar_ppm",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="marketstate",
            name="auction_ends_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="marketstate",
            name="static_price",
            field=models.DecimalField(blank=True, decimal_places=18, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="orderconditions",
            name="leg",
            field=models.CharField(
                blank=True,
                choices=[("one", "One"), ("working", "Working"), ("pending", "Pending")],
                db_default="",
                default="",
                max_length=7,
            ),
        ),
        migrations.AddField(
            model_name="orderconditions",
            name="list_id",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="trade",
            name="is_auction",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name="orderconditions",
            name="trigger_state",
            field=models.CharField(
                blank=True,
                choices=[
                    ("pending", "Pending"),
                    ("rising", "Rising"),
                    ("falling", "Falling"),
                    ("trailing", "Trailing"),
                    ("queued", "Queued"),
                    ("triggered", "Triggered"),
                ],
                max_length=9,
            ),
        ),
        migrations.CreateModel(
            name="OrderList",
            fields=[
                ("id", models.BigIntegerField(editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("oco", "OCO"), ("oto", "OTO"), ("otoco", "OTOCO")], max_length=5
                    ),
                ),
                ("client_list_id", models.CharField(blank=True, max_length=64, null=True)),
                ("created_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
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
                    "market",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="matching.market",
                    ),
                ),
            ],
            options={
                "verbose_name": "list of orders",
                "verbose_name_plural": "lists of orders",
                "indexes": [
                    models.Index(
                        models.F("account"),
                        models.OrderBy(models.F("id"), descending=True),
                        name="order_list_account",
                    ),
                    models.Index(
                        condition=models.Q(("done_at__isnull", True)),
                        fields=["account"],
                        name="order_list_open",
                    ),
                    models.Index(
                        condition=models.Q(("client_list_id__isnull", False)),
                        fields=["account", "client_list_id"],
                        name="order_list_client_name",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Protection",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("fills_max", models.IntegerField(null=True)),
                ("quantity_max", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                ("window_ms", models.IntegerField()),
                (
                    "began_at",
                    models.DateTimeField(
                        default=datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.UTC)
                    ),
                ),
                ("fills", models.IntegerField(default=0)),
                ("quantity", models.DecimalField(decimal_places=18, default=0, max_digits=38)),
                ("is_tripped", models.BooleanField(default=False)),
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
                    "market",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="matching.market",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account", "market"), name="protection_one")
                ],
            },
        ),
    ]
