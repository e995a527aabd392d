"""A mode of self-trade prevention: two accounts of one owner exchange what would have traded."""

from django.db import migrations, models

MODES = [
    ("none", "None"),
    ("taker", "Taker"),
    ("maker", "Maker"),
    ("both", "Both"),
    ("decrement", "Decrement"),
    ("transfer", "Transfer"),
]


class Migration(migrations.Migration):
    dependencies = [("matching", "0016_maxima")]

    operations = [
        migrations.AlterField(
            model_name="orderconditions",
            name="self_trade",
            field=models.CharField(blank=True, choices=MODES, max_length=9),
        ),
        migrations.AlterField(
            model_name="preventedmatch",
            name="mode",
            field=models.CharField(choices=MODES, max_length=9),
        ),
        migrations.AlterField(
            model_name="market",
            name="self_trade_mode",
            field=models.CharField(
                choices=MODES, db_default="taker", default="taker", max_length=9
            ),
        ),
    ]
