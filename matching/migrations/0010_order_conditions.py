"""Let orders wait, hide, end in time and say what becomes of self-trades.

What few orders ask for has a table of its own. Orders of before ask for nothing, and markets of
before allow every mode of self-trade prevention and limit nothing more than they did.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0021_privacy"),
        ("matching", "0009_fees"),
    ]

    operations = [
        migrations.CreateModel(
            name="OrderConditions",
            fields=[
                (
                    "order",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="conditions",
                        serialize=False,
                        to="matching.order",
                    ),
                ),
                (
                    "self_trade",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("none", "None"),
                            ("taker", "Taker"),
                            ("maker", "Maker"),
                            ("both", "Both"),
                            ("decrement", "Decrement"),
                        ],
                        max_length=9,
                    ),
                ),
                ("expires_at", models.DateTimeField(null=True)),
                ("slides", models.BooleanField(default=False)),
                (
                    "display_quantity",
                    models.DecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                (
                    "protection_price",
                    models.DecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                (
                    "trigger",
                    models.CharField(
                        blank=True,
                        choices=[("stop", "Stop"), ("take_profit", "Take Profit")],
                        max_length=11,
                    ),
                ),
                (
                    "trigger_by",
                    models.CharField(
                        choices=[("last", "Last"), ("opposite", "Opposite")],
                        default="last",
                        max_length=8,
                    ),
                ),
                ("trigger_price", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                ("trail_price", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                ("trail_bps", models.IntegerField(null=True)),
                (
                    "activation_price",
                    models.DecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                (
                    "trigger_state",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("rising", "Rising"),
                            ("falling", "Falling"),
                            ("trailing", "Trailing"),
                            ("queued", "Queued"),
                            ("triggered", "Triggered"),
                        ],
                        max_length=9,
                    ),
                ),
                ("triggered_at", models.DateTimeField(null=True)),
                ("trigger_number", models.BigIntegerField(default=0)),
                (
                    "hidden_quantity",
                    models.DecimalField(decimal_places=18, default=0, max_digits=38),
                ),
            ],
            options={
                "verbose_name": "conditions of an order",
                "verbose_name_plural": "conditions of orders",
            },
        ),
        migrations.AddField(
            model_name="market",
            name="max_iceberg_parts",
            field=models.IntegerField(db_default=100, default=100),
        ),
        migrations.AddField(
            model_name="market",
            name="max_trail_bps",
            field=models.IntegerField(db_default=2000, default=2000),
        ),
        migrations.AddField(
            model_name="market",
            name="max_trigger_orders",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="market",
            name="min_trail_bps",
            field=models.IntegerField(db_default=10, default=10),
        ),
        migrations.AddField(
            model_name="market",
            name="protection_ppm",
            field=models.IntegerField(db_default=50000, default=50000),
        ),
        migrations.AddField(
            model_name="market",
            name="self_trade_mode",
            field=models.CharField(
                choices=[
                    ("none", "None"),
                    ("taker", "Taker"),
                    ("maker", "Maker"),
                    ("both", "Both"),
                    ("decrement", "Decrement"),
                ],
                db_default="taker",
                default="taker",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="market",
            name="self_trade_modes",
            field=models.CharField(
                db_default="taker,maker,both,decrement",
                default="taker,maker,both,decrement",
                max_length=40,
            ),
        ),
        migrations.AddField(
            model_name="marketstate",
            name="trigger_sequence",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="order",
            name="prevented_quantity",
            field=models.DecimalField(decimal_places=18, max_digits=38, null=True),
        ),
        migrations.AlterField(
            model_name="order",
            name="reason",
            field=models.CharField(blank=True, max_length=32),
        ),
        migrations.AlterField(
            model_name="order",
            name="time_in_force",
            field=models.CharField(
                choices=[
                    ("gtc", "GTC"),
                    ("ioc", "IOC"),
                    ("fok", "FOK"),
                    ("gtd", "GTD"),
                    ("day", "Day"),
                ],
                max_length=3,
            ),
        ),
        migrations.CreateModel(
            name="PreventedMatch",
            fields=[
                ("id", models.BigIntegerField(editable=False, primary_key=True, serialize=False)),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("none", "None"),
                            ("taker", "Taker"),
                            ("maker", "Maker"),
                            ("both", "Both"),
                            ("decrement", "Decrement"),
                        ],
                        max_length=9,
                    ),
                ),
                ("price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("quantity", models.DecimalField(decimal_places=18, max_digits=38)),
                ("created_at", models.DateTimeField()),
                (
                    "maker_account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
                (
                    "maker_order",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="matching.order",
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
                (
                    "taker_account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
                (
                    "taker_order",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="matching.order",
                    ),
                ),
            ],
            options={
                "verbose_name": "prevented match",
                "verbose_name_plural": "prevented matches",
                "indexes": [
                    models.Index(fields=["maker_account", "id"], name="prevented_maker_account"),
                    models.Index(fields=["taker_account", "id"], name="prevented_taker_account"),
                    models.Index(fields=["maker_order", "id"], name="prevented_maker_order"),
                    models.Index(fields=["taker_order", "id"], name="prevented_taker_order"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrailMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        choices=[("last", "Last"), ("bid", "Bid"), ("ask", "Ask")], max_length=4
                    ),
                ),
                ("rises", models.BooleanField()),
                ("number", models.BigIntegerField()),
                ("price", models.DecimalField(decimal_places=18, max_digits=38)),
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
                    models.UniqueConstraint(
                        fields=("market", "reference", "rises", "number"), name="trail_mark_one"
                    )
                ],
            },
        ),
    ]
