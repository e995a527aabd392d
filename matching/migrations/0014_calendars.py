"""Let markets have a calendar, and an end. Those of before have neither."""

from django.db import migrations, models

# Who may end a market, where the role (accounts 0014) is still there.
DELIST_MARKET = ("market", "delist_market", "Can end markets for good")
ROLES = {"admin": (DELIST_MARKET,)}


def widen_roles(apps, schema_editor):
    """Give the roles the new permission, which Django makes after all migrations: so here, too."""
    groups, permissions, content_types = (
        apps.get_model(*name).objects.using(schema_editor.connection.alias)
        for name in (("auth", "Group"), ("auth", "Permission"), ("contenttypes", "ContentType"))
    )
    for group in groups.filter(name__in=ROLES):
        for model, codename, words in ROLES[group.name]:
            kind, _ = content_types.get_or_create(app_label="matching", model=model)
            permission, _ = permissions.get_or_create(
                content_type=kind, codename=codename, defaults={"name": words}
            )
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0021_privacy"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("matching", "0013_prevented_since"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="market",
            options={
                "ordering": ["id"],
                "permissions": [("delist_market", "Can end markets for good")],
            },
        ),
        migrations.AddField(
            model_name="market",
            name="schedule",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="market",
            name="time_zone",
            field=models.CharField(db_default="UTC", default="UTC", max_length=64),
        ),
        migrations.AddField(
            model_name="market",
            name="delists_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="market",
            name="phase",
            field=models.CharField(
                choices=[
                    ("pre_open", "Pre Open"),
                    ("auction", "Auction"),
                    ("continuous", "Continuous"),
                    ("post_only", "Post Only"),
                    ("cancel_only", "Cancel Only"),
                    ("halted", "Halted"),
                    ("closed", "Closed"),
                    ("delisted", "Delisted"),
                ],
                default="halted",
                max_length=12,
            ),
        ),
        migrations.RunPython(widen_roles, migrations.RunPython.noop),
    ]
