"""Record whose orders must not trade with each other, and how many an account may have open.

Orders and commands from before have no owner: they are compared by account, as they were. Markets
from before prevent self-trades by owner from now on and keep any number of open orders.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matching", "0005_command_actor")]

    operations = [
        migrations.AddField(
            model_name="market",
            name="self_trade_scope",
            field=models.CharField(
                choices=[("owner", "Owner"), ("account", "Account")],
                db_default="owner",
                default="owner",
                max_length=7,
            ),
        ),
        migrations.AddField(
            model_name="market",
            name="max_open_orders",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="owner_id",
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="command",
            name="owner_id",
            field=models.BigIntegerField(editable=False, null=True),
        ),
    ]
