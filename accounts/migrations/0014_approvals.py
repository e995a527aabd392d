"""Acts that wait for other persons, addresses and limits of withdrawals, and the operators' roles.

Withdrawals that wait when this runs need two persons from then on, as new ones do.
"""

from datetime import timedelta

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# The roles of operators: by name what each may, beside seeing all that it works with.
LOOK = (
    "user", "account", "apikey", "asset", "balance", "ledgertransaction", "ledgerentry", "deposit",
    "withdrawal", "withdrawaladdress", "withdrawallimit", "transfer", "approval", "auditrecord",
    "auditlink", "report", "reportpart", "liabilitysnapshot", "liabilitytree", "liabilityleaf",
)  # fmt: skip
LOOK_AT_MARKETS = (
    "market", "marketstate", "shard", "switch", "order", "orderkey", "trade", "command", "event",
    "feetier", "feevolume", "feeday",
)  # fmt: skip
SUPPORT = (
    ("accounts", "user", "change_user"),
    ("accounts", "user", "make_reset_link"),
    ("accounts", "account", "add_account"),
    ("accounts", "account", "change_account"),
    ("accounts", "apikey", "change_apikey"),
)
TREASURY = (
    ("accounts", "deposit", "add_deposit"),
    ("accounts", "withdrawal", "change_withdrawal"),
    ("accounts", "withdrawal", "approve_withdrawals"),
    ("accounts", "ledgertransaction", "add_ledgertransaction"),
    ("accounts", "approval", "approve_adjustments"),
    ("accounts", "report", "export_reports"),
)
RISK = (
    ("accounts", "account", "change_account"),
    ("accounts", "user", "change_level"),
    ("accounts", "asset", "change_threshold"),
    ("accounts", "withdrawal", "approve_withdrawals"),
    ("accounts", "withdrawallimit", "change_withdrawallimit"),
    ("accounts", "approval", "approve_adjustments"),
    ("matching", "market", "change_market"),
)
ADMIN = (
    *SUPPORT,
    *TREASURY,
    *RISK,
    ("accounts", "user", "add_user"),
    ("accounts", "apikey", "add_apikey"),
    ("accounts", "asset", "add_asset"),
    ("accounts", "asset", "change_asset"),
    ("matching", "market", "add_market"),
)
ROLES = {"support": SUPPORT, "treasury": TREASURY, "risk": RISK, "admin": ADMIN}
# Django's own words for its permissions; ours stand in the models.
WORDS = {
    "make_reset_link": "Can make links by which people set a new password",
    "change_level": "Can change how well a person is verified",
    "change_threshold": "Can change up to what withdrawals need no approval",
    "approve_withdrawals": "Can approve withdrawals of others",
    "approve_adjustments": "Can approve adjustments and credits of others",
    "export_reports": "Can download reports of the whole exchange",
}

NAMES = {
    "apikey": "API key",
    "ledgertransaction": "ledger transaction",
    "ledgerentry": "ledger entry",
    "withdrawaladdress": "withdrawal address",
    "withdrawallimit": "withdrawal limit",
    "auditrecord": "audit record",
    "auditlink": "audit link",
    "reportpart": "report part",
    "liabilitysnapshot": "liability snapshot",
    "liabilitytree": "liability tree",
    "liabilityleaf": "liability leaf",
    "marketstate": "market state",
    "orderkey": "order key",
    "feetier": "fee tier",
    "feevolume": "volume of a day",
    "feeday": "fee review",
}


def make_roles(apps, schema_editor):
    """Make each role that is not there; one of that name is an operator's, and stays as it is.

    Django makes permissions after all migrations: those that are needed are made here, as it does.
    """
    # The owner of the tables may come by a connection of its own.
    groups, permissions, content_types = (
        apps.get_model(*name).objects.using(schema_editor.connection.alias)
        for name in (("auth", "Group"), ("auth", "Permission"), ("contenttypes", "ContentType"))
    )
    looks = [("accounts", model, f"view_{model}") for model in LOOK]
    looks += [("matching", model, f"view_{model}") for model in LOOK_AT_MARKETS]
    for name, acts in ROLES.items():
        group, made = groups.get_or_create(name=name)
        if not made:
            continue
        for app, model, codename in (*looks, *acts):
            kind, _ = content_types.get_or_create(app_label=app, model=model)
            act = codename.partition("_")[0]
            words = WORDS.get(codename, f"Can {act} {NAMES.get(model, model)}")
            permission, _ = permissions.get_or_create(
                content_type=kind, codename=codename, defaults={"name": words}
            )
            group.permissions.add(permission)


def ask_for_those_that_wait(apps, schema_editor):
    """Let two persons decide about each withdrawal that waits without anybody being asked."""
    alias = schema_editor.connection.alias
    withdrawals = apps.get_model("accounts", "Withdrawal").objects.using(alias)
    approvals = apps.get_model("accounts", "Approval").objects.using(alias)
    now = django.utils.timezone.now()
    waiting = withdrawals.filter(state="pending", approval=None)
    for row in waiting.select_related("account", "asset").iterator(chunk_size=500):
        owner = row.account.owner_id
        amount = f"{row.amount:f}".rstrip("0").rstrip(".")  # always with 18 decimals
        asked = {"asset": row.asset.code, "amount": amount, "address": row.address}
        approval = approvals.create(
            kind="withdrawal", account_id=row.account_id, about_id=owner, requester_id=owner,
            subject=f"account:{row.account.public_id}", topic=str(row.pk),
            arguments={"withdrawal": str(row.pk), **asked}, approvers_needed=2,
            created_at=now, expires_at=now + timedelta(days=30),
        )  # fmt: skip
        withdrawals.filter(pk=row.pk).update(approval=approval)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_reports"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="Approval",
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
                ("kind", models.CharField(max_length=32)),
                ("subject", models.CharField(max_length=100)),
                ("topic", models.CharField(blank=True, max_length=64)),
                ("arguments", models.JSONField(default=dict)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("approvers_needed", models.PositiveSmallIntegerField(default=1)),
                ("first_approved_at", models.DateTimeField(blank=True, null=True)),
                ("second_approved_at", models.DateTimeField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("approved", "Approved"),
                            ("refused", "Refused"),
                            ("expired", "Expired"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="requested",
                        max_length=12,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        help_text="Why it was refused, or why it failed.",
                        max_length=200,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "about",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                (
                    "first_approver",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "refused_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "requester",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "second_approver",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("approve_adjustments", "Can approve adjustments and credits of others")
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "requested")),
                        fields=["expires_at"],
                        name="approval_open",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "requested")),
                        fields=("kind", "subject", "topic"),
                        name="approval_open_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("first_approver__isnull", True),
                            models.Q(
                                models.Q(
                                    ("requester__isnull", True),
                                    models.Q(
                                        ("first_approver", models.F("requester")), _negated=True
                                    ),
                                    _connector="OR",
                                ),
                                models.Q(
                                    ("about__isnull", True),
                                    models.Q(("first_approver", models.F("about")), _negated=True),
                                    _connector="OR",
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="approval_first_approver_is_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("second_approver__isnull", True),
                            models.Q(
                                models.Q(
                                    ("requester__isnull", True),
                                    models.Q(
                                        ("second_approver", models.F("requester")), _negated=True
                                    ),
                                    _connector="OR",
                                ),
                                models.Q(
                                    ("about__isnull", True),
                                    models.Q(("second_approver", models.F("about")), _negated=True),
                                    _connector="OR",
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="approval_second_approver_is_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("refused_by__isnull", True),
                            models.Q(
                                models.Q(
                                    ("requester__isnull", True),
                                    models.Q(("refused_by", models.F("requester")), _negated=True),
                                    _connector="OR",
                                ),
                                models.Q(
                                    ("about__isnull", True),
                                    models.Q(("refused_by", models.F("about")), _negated=True),
                                    _connector="OR",
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="approval_refused_by_is_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("second_approver__isnull", True),
                            models.Q(
                                ("first_approver__isnull", False),
                                models.Q(
                                    ("second_approver", models.F("first_approver")), _negated=True
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="approval_two_persons",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "approved"), _negated=True),
                            models.Q(("approvers_needed", 1), ("first_approver__isnull", False)),
                            models.Q(("approvers_needed", 2), ("second_approver__isnull", False)),
                            _connector="OR",
                        ),
                        name="approval_has_its_approvers",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("approvers_needed__range", (1, 2))),
                        name="approval_approvers_needed",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WithdrawalAddress",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.CharField(max_length=128)),
                ("label", models.CharField(blank=True, max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("usable_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="addresses",
                        to="accounts.account",
                    ),
                ),
                (
                    "asset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.asset",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "withdrawal addresses",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("removed_at__isnull", True)),
                        fields=("account", "asset", "address"),
                        name="address_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WithdrawalLimit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("level", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("per_day", models.DecimalField(decimal_places=18, max_digits=38)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                (
                    "asset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.asset",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("account__isnull", True), ("level__isnull", False)),
                            models.Q(("account__isnull", False), ("level__isnull", True)),
                            _connector="OR",
                        ),
                        name="limit_of_an_account_or_a_level",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("account__isnull", False)),
                        fields=("account", "asset"),
                        name="limit_of_an_account_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("level__isnull", False)),
                        fields=("level", "asset"),
                        name="limit_of_a_level_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("per_day__gte", 0), ("per_day__lt", 100000000000000000000)
                        ),
                        name="limit_not_negative",
                    ),
                ],
            },
        ),
        migrations.AlterModelOptions(
            name="asset",
            options={
                "ordering": ["code"],
                "permissions": [
                    ("change_threshold", "Can change up to what withdrawals need no approval")
                ],
            },
        ),
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [
                    ("make_reset_link", "Can make links by which people set a new password"),
                    ("change_level", "Can change how well a person is verified"),
                ]
            },
        ),
        migrations.AlterModelOptions(
            name="withdrawal",
            options={"permissions": [("approve_withdrawals", "Can approve withdrawals of others")]},
        ),
        migrations.RemoveIndex(
            model_name="withdrawal",
            name="withdrawal_pending",
        ),
        migrations.AddField(
            model_name="account",
            name="allow_list_ends_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="account",
            name="has_allow_list",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="asset",
            name="withdrawal_auto_max",
            field=models.DecimalField(
                db_default=0,
                decimal_places=18,
                default=0,
                help_text="Up to this a withdrawal needs nobody's approval; 0: two persons approve each.",
                max_digits=38,
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="verification_level",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="withdrawal",
            name="decided_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=128),
        ),
        migrations.AddField(
            model_name="withdrawal",
            name="why",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AlterField(
            model_name="withdrawal",
            name="state",
            field=models.CharField(
                choices=[
                    ("pending", "Pending"),
                    ("approved", "Approved"),
                    ("settled", "Settled"),
                    ("cancelled", "Cancelled"),
                    ("refused", "Refused"),
                    ("failed", "Failed"),
                ],
                default="pending",
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("withdrawal_auto_max__gte", 0),
                    ("withdrawal_auto_max__lt", 100000000000000000000),
                ),
                name="asset_withdrawal_auto_max",
            ),
        ),
        migrations.AddField(
            model_name="withdrawal",
            name="approval",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.approval",
            ),
        ),
        migrations.AddIndex(
            model_name="withdrawal",
            index=models.Index(
                condition=models.Q(("state__in", ["pending", "approved"])),
                fields=["account", "asset"],
                name="withdrawal_held",
            ),
        ),
        migrations.AddIndex(
            model_name="withdrawal",
            index=models.Index(fields=["account", "created_at"], name="withdrawal_of_a_day"),
        ),
        migrations.RunPython(make_roles, migrations.RunPython.noop),
        migrations.RunPython(ask_for_those_that_wait, migrations.RunPython.noop),
    ]
