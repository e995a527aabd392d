"""Words of the operators' pages; the tables stay as they are."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0002_wider_volumes")]

    operations = [
        migrations.AlterModelOptions(
            name="candleprogress", options={"verbose_name_plural": "candle progress"}
        ),
    ]
