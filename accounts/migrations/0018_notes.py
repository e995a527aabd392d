"""Notes of operators about people, append-only, and who writes them and cancels orders of others."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# The function is the ledger's (0002).
APPEND_ONLY_SQL = """
CREATE TRIGGER note_append_only
    BEFORE UPDATE OR DELETE ON accounts_note
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
CREATE TRIGGER note_no_truncate
    BEFORE TRUNCATE ON accounts_note
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
"""
APPEND_ONLY_DROP_SQL = """
DROP TRIGGER note_no_truncate ON accounts_note;
DROP TRIGGER note_append_only ON accounts_note;
"""
# What each of the roles (0014) may do more, where it is still there.
VIEW_NOTES = ("note", "view_note", "Can view note")
ADD_NOTES = ("note", "add_note", "Can add note")
CANCEL_ORDERS = ("account", "cancel_orders", "Can cancel the open orders of others")
CHANGE_FEES = ("account", "change_fees", "Can change fees")
ROLES = {
    "support": (VIEW_NOTES, ADD_NOTES, CANCEL_ORDERS),
    "treasury": (VIEW_NOTES, ADD_NOTES),
    "risk": (VIEW_NOTES, ADD_NOTES, CANCEL_ORDERS, CHANGE_FEES),
    "admin": (VIEW_NOTES, ADD_NOTES, CANCEL_ORDERS, CHANGE_FEES),
}


def widen_roles(apps, schema_editor):
    """Give the roles the new permissions, which Django makes after all migrations: so here, too."""
    groups, permissions, content_types = (
        apps.get_model(*name).objects.using(schema_editor.connection.alias)
        for name in (("auth", "Group"), ("auth", "Permission"), ("contenttypes", "ContentType"))
    )
    for group in groups.filter(name__in=ROLES):
        for model, codename, words in ROLES[group.name]:
            kind, _ = content_types.get_or_create(app_label="accounts", model=model)
            permission, _ = permissions.get_or_create(
                content_type=kind, codename=codename, defaults={"name": words}
            )
            group.permissions.add(permission)


def person():
    """Return a reference to a user that no index of its own is kept for."""
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0016_fees"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="account",
            options={
                "ordering": ["id"],
                "permissions": [
                    ("cancel_orders", "Can cancel the open orders of others"),
                    ("change_fees", "Can change fees"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        db_default=models.Func(
                            function="zavora_next_id", output_field=models.BigIntegerField()
                        ),
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("text", models.TextField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("user", person()),
                ("author", person()),
            ],
            options={
                "indexes": [
                    models.Index(models.F("user"), models.F("id").desc(), name="note_user")
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY_SQL, APPEND_ONLY_DROP_SQL),
        migrations.RunPython(widen_roles, migrations.RunPython.noop),
    ]
