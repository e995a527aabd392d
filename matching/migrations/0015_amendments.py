"""What open orders asked for before they were amended: kept from here on."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matching", "0014_calendars")]

    operations = [
        # The next worker of a shard says from where: until then a former one may serve it.
        migrations.AddField(
            model_name="shard",
            name="amended_since",
            field=models.BigIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.CreateModel(
            name="OrderAmendment",
            fields=[
                ("id", models.BigIntegerField(editable=False, primary_key=True, serialize=False)),
                ("price_before", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                ("price", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                (
                    "quantity_before",
                    models.DecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                ("quantity", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                (
                    "trigger_price_before",
                    models.DecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                ("trigger_price", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                ("created_at", models.DateTimeField()),
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
                    "order",
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
                "verbose_name": "amendment of an order",
                "verbose_name_plural": "amendments of orders",
                "indexes": [models.Index(fields=["order", "id"], name="amendment_order")],
            },
        ),
    ]
