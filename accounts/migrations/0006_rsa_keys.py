"""API keys may be RSA keys, too."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_balance_room")]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="kind",
            field=models.CharField(
                choices=[
                    ("bearer", "Bearer"),
                    ("hmac", "Hmac"),
                    ("ed25519", "Ed25519"),
                    ("rsa", "Rsa"),
                ],
                default="bearer",
                max_length=8,
            ),
        ),
    ]
