"""What was not as it should be, and from when to when."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0026_preferences")]

    operations = [
        migrations.CreateModel(
            name="StatusSpan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("component", models.CharField(max_length=64)),
                ("state", models.CharField(max_length=16)),
                ("began_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
