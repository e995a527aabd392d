"""Persons are exported and erased, second factors reset; withdrawals pause after such changes."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

# Notes are append-only, and go with the person they are about: only who is erased has none. The
# role that serves has no right to delete them but by the owner's function.
ERASE_NOTES_SQL = """
DO $make$ BEGIN EXECUTE format($sql$
    CREATE FUNCTION accounts_refuse_deletion_of_notes() RETURNS trigger
    LANGUAGE plpgsql SET search_path = %1$I, pg_temp AS $function$
    BEGIN
        IF EXISTS (
            SELECT 1 FROM accounts_user WHERE id = OLD.user_id AND erased_at IS NOT NULL
        ) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION '%% is append-only: %% refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation';
    END
    $function$;
    CREATE FUNCTION accounts_erase_notes(person bigint) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = %1$I, pg_temp AS $function$
        WITH gone AS (
            DELETE FROM accounts_note n USING accounts_user u
            WHERE n.user_id = person AND u.id = person AND u.erased_at IS NOT NULL
            RETURNING 1
        )
        SELECT count(*) FROM gone
    $function$
$sql$, current_schema()); END $make$;
REVOKE ALL ON FUNCTION accounts_erase_notes(bigint) FROM PUBLIC;
DROP TRIGGER note_append_only ON accounts_note;
CREATE TRIGGER note_append_only
    BEFORE UPDATE ON accounts_note
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
CREATE TRIGGER note_stays
    BEFORE DELETE ON accounts_note
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_deletion_of_notes();
"""
ERASE_NOTES_DROP_SQL = """
DROP TRIGGER note_stays ON accounts_note;
DROP TRIGGER note_append_only ON accounts_note;
CREATE TRIGGER note_append_only
    BEFORE UPDATE OR DELETE ON accounts_note
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
DROP FUNCTION accounts_erase_notes(bigint);
DROP FUNCTION accounts_refuse_deletion_of_notes();
"""
# What each of the roles (0014) may do more, where it is still there.
EXPORT = ("user", "export_person", "Can make files of all that is known of a person")
ERASE = ("user", "erase_person", "Can ask for the erasure of persons")
RESET = ("user", "reset_factors", "Can ask for resets of second factors")
DECIDE = ("user", "decide_person", "Can decide about erasures and resets that others asked for")
ROLES = {
    "support": (EXPORT, ERASE, RESET),
    "risk": (DECIDE,),
    "admin": (EXPORT, ERASE, RESET, DECIDE),
}
# How people get in, which all of these look at.
LOOK_AT_SIGN_IN = (
    ("account", "emailaddress", "Can view email address"),
    ("mfa", "authenticator", "Can view authenticator"),
    ("usersessions", "usersession", "Can view user session"),
)


def widen_roles(apps, schema_editor):
    """Give the roles the new permissions, which Django makes after all migrations: so here, too."""
    groups, permissions, content_types = (
        apps.get_model(*name).objects.using(schema_editor.connection.alias)
        for name in (("auth", "Group"), ("auth", "Permission"), ("contenttypes", "ContentType"))
    )
    for group in groups.filter(name__in=ROLES):
        more = [("accounts", *one) for one in ROLES[group.name]]
        more += [(app, model, f"view_{model}", words) for app, model, words in LOOK_AT_SIGN_IN]
        for app, model, codename, words in more:
            kind, _ = content_types.get_or_create(app_label=app, model=model)
            permission, _ = permissions.get_or_create(
                content_type=kind, codename=codename, defaults={"name": words}
            )
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0020_members"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [
                    ("make_reset_link", "Can make links by which people set a new password"),
                    ("change_level", "Can change how well a person is verified"),
                    ("export_person", "Can make files of all that is known of a person"),
                    ("erase_person", "Can ask for the erasure of persons"),
                    ("reset_factors", "Can ask for resets of second factors"),
                    ("decide_person", "Can decide about erasures and resets that others asked for"),
                ]
            },
        ),
        migrations.AddField(
            model_name="user",
            name="withdrawals_paused_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="user",
            name="erased_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="report",
            name="person",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="report",
            name="kind",
            field=models.CharField(
                choices=[
                    ("statement", "Statement"),
                    ("trades", "Trades"),
                    ("daily", "Daily"),
                    ("personal", "Personal"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="report",
            name="format",
            field=models.CharField(
                choices=[("csv", "CSV"), ("pdf", "PDF"), ("zip", "ZIP")], max_length=3
            ),
        ),
        migrations.RemoveConstraint(model_name="report", name="report_once"),
        migrations.RemoveConstraint(model_name="report", name="report_about"),
        migrations.AddConstraint(
            model_name="report",
            constraint=models.UniqueConstraint(
                condition=~Q(state="failed"),
                fields=("account", "person", "kind", "format", "period_from", "period_to"),
                name="report_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="report",
            constraint=models.CheckConstraint(
                condition=Q(kind="daily", account__isnull=True, person__isnull=True)
                | Q(kind="personal", account__isnull=True, person__isnull=False)
                | (
                    ~Q(kind__in=["daily", "personal"])
                    & Q(account__isnull=False, person__isnull=True)
                ),
                name="report_about",
            ),
        ),
        migrations.AddIndex(
            model_name="providerevent",
            index=models.Index(
                condition=Q(("outcome__in", ["applied", "nothing", "handled"])) & ~Q(("body", {})),
                fields=["applied_at"],
                name="provider_event_told",
            ),
        ),
        migrations.RunSQL(ERASE_NOTES_SQL, ERASE_NOTES_DROP_SQL),
        migrations.RunPython(widen_roles, migrations.RunPython.noop),
    ]
