"""Keep events out of line and uncompressed: they are written once, read rarely, gone in a day."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("matching", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE matching_event ALTER COLUMN payload SET STORAGE EXTERNAL",
            "ALTER TABLE matching_event ALTER COLUMN payload SET STORAGE EXTENDED",
        )
    ]
