"""The column types of money: one definition for every table."""

from typing import Any

from django.db import models


class AmountField(models.DecimalField):
    """A NUMERIC(38, 18): an amount, a price or a quantity in the units people read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_digits"] = 38
        kwargs["decimal_places"] = 18
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Describe the field to migrations as Django's own, so that they import nothing of ours."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.DecimalField", args, kwargs


class TotalField(models.DecimalField):
    """A NUMERIC(58, 18): a sum of amounts, with room for more of them than a BIGINT can count."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_digits"] = 58
        kwargs["decimal_places"] = 18
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Describe the field to migrations as Django's own, so that they import nothing of ours."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.DecimalField", args, kwargs
