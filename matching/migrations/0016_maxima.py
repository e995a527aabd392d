"""Let markets limit an account's lists of orders, position and messages; those of before do not."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matching", "0015_amendments")]

    operations = [
        migrations.AddField(
            model_name="market",
            name="max_messages",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="market",
            name="max_order_lists",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="market",
            name="max_position",
            field=models.DecimalField(blank=True, decimal_places=18, max_digits=38, null=True),
        ),
    ]
