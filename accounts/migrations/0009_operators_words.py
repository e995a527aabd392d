"""Words of the operators' pages; the tables stay as they are."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_reset_link_permission")]

    operations = [
        migrations.AlterField(
            model_name="account",
            name="public_id",
            field=models.UUIDField(
                default=uuid.uuid4, editable=False, unique=True, verbose_name="account id"
            ),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="kind",
            field=models.CharField(
                choices=[
                    ("bearer", "Bearer"),
                    ("hmac", "HMAC"),
                    ("ed25519", "Ed25519"),
                    ("rsa", "RSA"),
                ],
                default="bearer",
                max_length=8,
            ),
        ),
    ]
