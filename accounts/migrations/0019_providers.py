"""What providers are asked to pay and what they tell; seen by all groups that see withdrawals."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

LOOK = {"payout": "payout", "providerevent": "provider event"}


def let_groups_look(apps, schema_editor):
    """Let groups that look at withdrawals look at what becomes of them at a provider.

    Django makes permissions after all migrations: those that are needed are made here, as it does.
    """
    groups, permissions, content_types = (
        apps.get_model(*name).objects.using(schema_editor.connection.alias)
        for name in (("auth", "Group"), ("auth", "Permission"), ("contenttypes", "ContentType"))
    )
    of_withdrawals = {
        "permissions__content_type__app_label": "accounts",
        "permissions__codename": "view_withdrawal",
    }
    for group in groups.filter(**of_withdrawals).distinct():
        for model, words in LOOK.items():
            kind, _ = content_types.get_or_create(app_label="accounts", model=model)
            permission, _ = permissions.get_or_create(
                content_type=kind,
                codename=f"view_{model}",
                defaults={"name": f"Can view {words}"},
            )
            group.permissions.add(permission)


def next_id():
    return models.Func(function="zavora_next_id", output_field=models.BigIntegerField())


class Migration(migrations.Migration):
    dependencies = [("accounts", "0018_notes")]

    operations = [
        migrations.CreateModel(
            name="Payout",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        db_default=next_id(), editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "public_id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, unique=True, verbose_name="reference"
                    ),
                ),
                ("provider", models.CharField(max_length=32)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("sending", "Sending"),
                            ("sent", "Sent"),
                            ("dead", "Dead"),
                            ("paid", "Paid"),
                            ("failed", "Failed"),
                            ("given up", "Given Up"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="waiting",
                        max_length=12,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("is_in_doubt", models.BooleanField(default=False, verbose_name="in doubt")),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("provider_reference", models.CharField(blank=True, default="", max_length=128)),
                (
                    "note",
                    models.CharField(
                        blank=True, help_text="What came of it at last.", max_length=200
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
                (
                    "withdrawal",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payout",
                        to="accounts.withdrawal",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["waiting", "sending", "sent"])),
                        fields=["due_at"],
                        name="payout_due",
                    ),
                    models.Index(
                        condition=models.Q(("state", "dead")),
                        fields=["updated_at"],
                        name="payout_dead",
                    ),
                    models.Index(fields=["provider_reference"], name="payout_provider_reference"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderEvent",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        db_default=next_id(), editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("provider", models.CharField(max_length=32)),
                ("event_id", models.CharField(max_length=128, verbose_name="event")),
                ("kind", models.CharField(max_length=32)),
                ("reference", models.CharField(max_length=128)),
                ("body", models.JSONField(default=dict)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("applied", "Applied"),
                            ("nothing", "Nothing"),
                            ("contradicts", "Contradicts"),
                            ("unmatched", "Unmatched"),
                            ("handled", "Handled"),
                        ],
                        default="waiting",
                        max_length=12,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200)),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("applied_at", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            ("outcome__in", ["waiting", "contradicts", "unmatched"])
                        ),
                        fields=["received_at"],
                        name="provider_event_open",
                    ),
                    models.Index(fields=["reference"], name="provider_event_reference"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "event_id"), name="provider_event_once"
                    )
                ],
            },
        ),
        migrations.RunPython(let_groups_look, migrations.RunPython.noop),
    ]
