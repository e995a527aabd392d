"""The journal names who asked, where an operator did; rows of before name nobody."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matching", "0004_purge_events")]

    operations = [
        migrations.AddField(
            model_name="command",
            name="actor",
            field=models.CharField(blank=True, max_length=128, null=True),
        ),
    ]
