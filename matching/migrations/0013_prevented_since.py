"""From which command of a journal prevented matches are stored: it may be older than their table."""

from django.db import migrations, models

# The next worker of a shard without any says from where: until then a former one may serve it.
ALL_STORED_SQL = """
UPDATE matching_shard s SET prevented_since = 0 WHERE EXISTS (
    SELECT 1 FROM matching_preventedmatch p JOIN matching_market m ON m.id = p.market_id
    WHERE m.shard_id = s.id
)
"""


class Migration(migrations.Migration):
    dependencies = [("matching", "0012_checkpoints")]

    operations = [
        migrations.AddField(
            model_name="shard",
            name="prevented_since",
            field=models.BigIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.RunSQL(ALL_STORED_SQL, migrations.RunSQL.noop),
    ]
