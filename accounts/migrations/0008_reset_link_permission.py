"""A permission of its own for links to new passwords: changing users does not include it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_audit_record")]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [
                    ("make_reset_link", "Can make links by which people set a new password")
                ]
            },
        ),
    ]
