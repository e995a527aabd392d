"""Tiers, what they go by, and promotions of markets; a maker's rate may be a rebate."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0016_fees"),
        ("matching", "0008_switch"),
    ]

    operations = [
        migrations.CreateModel(
            name="FeeDay",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("counted_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("effective_at", models.DateTimeField(blank=True, null=True)),
                ("accounts_moved", models.IntegerField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "fee review",
                "ordering": [models.OrderBy(models.F("day"), descending=True)],
            },
        ),
        migrations.CreateModel(
            name="FeeTier",
            fields=[
                ("level", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("min_volume", models.DecimalField(decimal_places=18, max_digits=38, unique=True)),
                ("maker_fee_ppm", models.IntegerField()),
                ("taker_fee_ppm", models.IntegerField()),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["level"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("level__gte", 1),
                            ("min_volume__gt", 0),
                            ("min_volume__lt", 100000000000000000000),
                            ("maker_fee_ppm__range", (-1000000, 1000000)),
                            ("taker_fee_ppm__range", (0, 1000000)),
                        ),
                        name="fee_tier_range",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FeeVolume",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("amount", models.DecimalField(decimal_places=18, max_digits=58)),
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
                "verbose_name": "volume of a day",
                "verbose_name_plural": "volumes of days",
                "indexes": [
                    models.Index(fields=["day"], name="fee_volume_day"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "day", "market"), name="fee_volume_once"
                    ),
                ],
            },
        ),
        migrations.RemoveConstraint(
            model_name="market",
            name="market_fee_range",
        ),
        migrations.AddField(
            model_name="market",
            name="promotion_ends_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="market",
            name="promotion_maker_fee_ppm",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="market",
            name="promotion_starts_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="market",
            name="promotion_taker_fee_ppm",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="market",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("maker_fee_ppm__range", (-1000000, 1000000)),
                    ("taker_fee_ppm__range", (0, 1000000)),
                ),
                name="market_fee_range",
            ),
        ),
    ]
