"""Who was here before e-mail addresses were asked to be proved counts as proved.

Whoever is logged in logs in once more: sessions of before are in no list and could not be ended.
"""

from typing import Any

from django.db import migrations

BATCH = 2_000


def take_as_proved(apps: Any, schema_editor: Any) -> None:
    """Give every user without an address row one; it may run again."""
    database = schema_editor.connection.alias
    users = apps.get_model("accounts", "User").objects.using(database).order_by("pk")
    addresses = apps.get_model("account", "EmailAddress").objects.using(database)
    last = 0
    while rows := list(users.filter(pk__gt=last).values_list("pk", "email")[:BATCH]):
        last = rows[-1][0]
        known = set(
            addresses.filter(user_id__in=[pk for pk, _ in rows]).values_list("user_id", flat=True)
        )
        addresses.bulk_create(
            addresses.model(user_id=pk, email=email, verified=True, primary=True)
            for pk, email in rows
            if pk not in known
        )


def end_sessions(apps: Any, schema_editor: Any) -> None:
    """End every session."""
    sessions = apps.get_model("sessions", "Session").objects
    sessions.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0014_approvals"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("sessions", "0001_initial"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("usersessions", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(take_as_proved, migrations.RunPython.noop),
        migrations.RunPython(end_sessions, migrations.RunPython.noop),
    ]
