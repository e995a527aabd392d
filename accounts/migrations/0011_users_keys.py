"""When a key was last used, and from where; which markets it is limited to."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_audit_chain")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="last_used_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="apikey",
            name="last_used_from",
            field=models.CharField(blank=True, db_default="", default="", max_length=45),
        ),
        migrations.AddField(
            model_name="apikey",
            name="markets",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=33), blank=True, null=True, size=None
            ),
        ),
    ]
