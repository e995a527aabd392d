"""Dead-man's switches outlive the process in which they were set."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matching", "0007_operators_look_ups")]

    operations = [
        migrations.CreateModel(
            name="Switch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("shard_id", models.PositiveSmallIntegerField()),
                ("account_id", models.BigIntegerField()),
                ("key_id", models.BigIntegerField()),
                ("due_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account_id", "key_id", "shard_id"), name="switch_one"
                    )
                ],
            },
        ),
    ]
