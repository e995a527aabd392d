"""What operators did, append-only like the ledger."""

import django.utils.timezone
from django.db import migrations, models

# The function is the ledger's (0002).
APPEND_ONLY_SQL = """
CREATE TRIGGER audit_record_append_only
    BEFORE UPDATE OR DELETE ON accounts_auditrecord
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
CREATE TRIGGER audit_record_no_truncate
    BEFORE TRUNCATE ON accounts_auditrecord
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
"""
APPEND_ONLY_DROP_SQL = """
DROP TRIGGER audit_record_no_truncate ON accounts_auditrecord;
DROP TRIGGER audit_record_append_only ON accounts_auditrecord;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_rsa_keys")]

    operations = [
        migrations.CreateModel(
            name="AuditRecord",
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
                ("actor_kind", models.CharField(max_length=8)),
                ("actor_name", models.CharField(max_length=100)),
                ("user_id", models.BigIntegerField(null=True)),
                ("key_id", models.BigIntegerField(null=True)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("request_id", models.CharField(blank=True, max_length=36)),
                ("act", models.CharField(max_length=32)),
                (
                    "subject",
                    models.CharField(help_text="What it was done to: kind:id.", max_length=100),
                ),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("details", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["subject"], name="audit_subject"),
                    models.Index(fields=["user_id"], name="audit_user"),
                    models.Index(fields=["request_id"], name="audit_request"),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY_SQL, APPEND_ONLY_DROP_SQL),
    ]
