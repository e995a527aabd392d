"""Checkpoints of the journal. They go by a function of the owner, which leaves the newest two."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

# As matching_purge_events: the owner's rights, so its search_path is fixed.
CREATE_SQL = """
DO $make$ BEGIN EXECUTE format($sql$
    CREATE FUNCTION matching_purge_checkpoints(shard integer, keep integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = %I, pg_temp AS $function$
        WITH old AS (
            SELECT id FROM matching_checkpoint WHERE shard_id = shard ORDER BY id DESC
            OFFSET greatest(keep, 2)
        ), parts AS (
            DELETE FROM matching_checkpointpart p USING old WHERE p.checkpoint_id = old.id
        ), gone AS (
            DELETE FROM matching_checkpoint c USING old WHERE c.id = old.id RETURNING 1
        )
        SELECT count(*) FROM gone
    $function$
$sql$, current_schema()); END $make$
"""
DROP_SQL = "DROP FUNCTION matching_purge_checkpoints(integer, integer)"


class Migration(migrations.Migration):
    dependencies = [("matching", "0011_lists_auctions_protections")]

    operations = [
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("journal_sequence", models.BigIntegerField()),
                ("state_hash", models.CharField(max_length=64)),
                ("format", models.CharField(max_length=64)),
                ("open_orders", models.IntegerField()),
                ("parts", models.IntegerField()),
                ("size", models.BigIntegerField()),
                ("digest", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "shard",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="matching.shard",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("shard", "journal_sequence", "format"), name="checkpoint_one"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CheckpointPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.IntegerField()),
                ("body", models.BinaryField()),
                (
                    "checkpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="matching.checkpoint",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("checkpoint", "number"), name="checkpoint_part_number"
                    )
                ],
            },
        ),
        # It is compressed already.
        migrations.RunSQL(
            "ALTER TABLE matching_checkpointpart ALTER COLUMN body SET STORAGE EXTERNAL",
            "ALTER TABLE matching_checkpointpart ALTER COLUMN body SET STORAGE EXTENDED",
        ),
        migrations.RunSQL(CREATE_SQL, DROP_SQL),
    ]
