"""Let operators look up orders by name and the journal by account, request and order.

The tables are written to all the time, so their indexes are made and dropped beside that. Where it
was interrupted, drop the index that PostgreSQL calls invalid and migrate again. The names of orders
keep one index: the new one answers what the former did.
"""

import django.contrib.postgres.indexes
import django.db.models.functions
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("matching", "0006_owners_and_open_orders")]

    operations = [
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(
                django.db.models.functions.Lower("client_order_id"),
                models.F("account"),
                condition=models.Q(("client_order_id__isnull", False)),
                name="order_client_name",
            ),
        ),
        RemoveIndexConcurrently(model_name="order", name="order_client_order_id"),
        AddIndexConcurrently(
            model_name="command",
            index=models.Index(
                models.F("account"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("account__isnull", False)),
                name="command_account",
            ),
        ),
        AddIndexConcurrently(
            model_name="command",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True,
                fields=["request_id", "order_id"],
                name="command_asked",
                opclasses=["text_bloom_ops", "int8_bloom_ops"],
                pages_per_range=32,
            ),
        ),
        migrations.AlterModelOptions(
            name="command",
            options={"verbose_name": "journal entry", "verbose_name_plural": "journal entries"},
        ),
        migrations.AlterField(
            model_name="order",
            name="time_in_force",
            field=models.CharField(
                choices=[("gtc", "GTC"), ("ioc", "IOC"), ("fok", "FOK")], max_length=3
            ),
        ),
    ]
