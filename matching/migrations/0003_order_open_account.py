"""Let the index of open orders find those of one account, however long its history is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matching", "0002_event_payload_storage")]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("status__in", ["new", "partially_filled"])),
                fields=["market", "account"],
                name="order_open_account",
            ),
        ),
        migrations.RemoveIndex(model_name="order", name="order_open"),
    ]
