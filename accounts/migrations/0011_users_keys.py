"""When a key was last used, and from where."""

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
    ]
