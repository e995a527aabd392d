"""Fees by tier and market, rebates of makers, and who may change fees."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0015_sign_in"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="account",
            options={"ordering": ["id"], "permissions": [("change_fees", "Can change fees")]},
        ),
        migrations.RemoveConstraint(
            model_name="account",
            name="account_fee_range",
        ),
        migrations.AddField(
            model_name="account",
            name="fee_terms",
            field=models.TextField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(("fee_terms__isnull", False)),
                fields=["id"],
                name="account_fee_terms",
            ),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("maker_fee_ppm__isnull", True),
                        ("maker_fee_ppm__range", (-1000000, 1000000)),
                        _connector="OR",
                    ),
                    models.Q(
                        ("taker_fee_ppm__isnull", True),
                        ("taker_fee_ppm__range", (0, 1000000)),
                        _connector="OR",
                    ),
                ),
                name="account_fee_range",
            ),
        ),
    ]
