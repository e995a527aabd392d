"""Handovers: how a market goes from one shard to another."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matching", "0017_transfer_mode")]

    operations = [
        migrations.CreateModel(
            name="Handover",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("from_shard", models.PositiveSmallIntegerField()),
                ("to_shard", models.PositiveSmallIntegerField()),
                ("journal_sequence", models.BigIntegerField()),
                ("event_sequence", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("state_hash", models.CharField(max_length=64)),
                ("format", models.CharField(max_length=64)),
                ("open_orders", models.IntegerField()),
                (
                    "parts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BinaryField(), editable=False, size=None
                    ),
                ),
                ("released_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "market",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="matching.market",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("from_shard", "journal_sequence"), name="handover_command"
                    )
                ],
            },
        ),
        # They are compressed already.
        migrations.RunSQL(
            "ALTER TABLE matching_handover ALTER COLUMN parts SET STORAGE EXTERNAL",
            "ALTER TABLE matching_handover ALTER COLUMN parts SET STORAGE EXTENDED",
        ),
        migrations.AlterField(
            model_name="market",
            name="shard",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="markets",
                to="matching.shard",
            ),
        ),
        migrations.AddField(
            model_name="market",
            name="handover",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="matching.handover",
            ),
        ),
    ]
