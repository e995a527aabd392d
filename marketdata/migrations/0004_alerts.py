"""Price alerts of people, and how far markets are watched for them."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketdata", "0003_operators_words"),
        ("matching", "0019_partitions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertProgress",
            fields=[
                (
                    "market",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="matching.market",
                    ),
                ),
                ("last_trade_sequence", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name_plural": "alert progress",
            },
        ),
        migrations.CreateModel(
            name="PriceAlert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "condition",
                    models.CharField(
                        choices=[("rises_to", "Rises To"), ("falls_to", "Falls To")], max_length=8
                    ),
                ),
                ("price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("note", models.CharField(blank=True, max_length=100)),
                ("repeats", models.BooleanField(default=False)),
                ("by_page", models.BooleanField(default=True)),
                ("by_mail", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("armed", "Armed"), ("away", "Away"), ("told", "Told")],
                        default="armed",
                        max_length=5,
                    ),
                ),
                ("since_sequence", models.BigIntegerField()),
                ("told_count", models.IntegerField(default=0)),
                ("told_price", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                ("told_sequence", models.BigIntegerField(null=True)),
                ("told_at", models.DateTimeField(null=True)),
                ("is_mail_due", models.BooleanField(default=False)),
                ("page_url", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "market",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="matching.market",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "told"), _negated=True),
                        fields=["market", "condition", "state", "price"],
                        name="alert_live_price",
                    ),
                    models.Index(
                        condition=models.Q(("is_mail_due", True)),
                        fields=["told_at"],
                        name="alert_mail_due",
                    ),
                    models.Index(fields=["told_at"], name="alert_told_at"),
                ],
            },
        ),
    ]
