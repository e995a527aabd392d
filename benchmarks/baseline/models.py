"""Tables of the plain exchange: the same things that Zavora keeps of an order and its trades."""

import uuid
from typing import Any

from django.db import models


def _amount(**options: Any) -> Any:
    return models.DecimalField(max_digits=38, decimal_places=18, **options)


class Token(models.Model):
    """A bearer token, by its digest."""

    digest = models.CharField(max_length=64, primary_key=True)
    owner_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"token of {self.owner_id}"


class Account(models.Model):
    """A trading account of an owner."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True)
    owner_id = models.BigIntegerField()
    status = models.CharField(max_length=16, default="active")

    def __str__(self) -> str:
        return str(self.public_id)


class Market(models.Model):
    """Two assets and the rules of trading them; its row is the lock of its book."""

    symbol = models.CharField(max_length=33, unique=True)
    base = models.CharField(max_length=16)
    quote = models.CharField(max_length=16)
    tick_size = _amount()
    lot_size = _amount()
    maker_fee = _amount()
    taker_fee = _amount()

    def __str__(self) -> str:
        return self.symbol


class Balance(models.Model):
    """What an account has of an asset."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    asset = models.CharField(max_length=16)
    available = _amount(default=0)
    locked = _amount(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "asset"], name="balance_of_asset"),
            models.CheckConstraint(
                condition=models.Q(available__gte=0, locked__gte=0), name="baseline_balance_sign"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asset} of account {self.account_id}"


class Order(models.Model):
    """An order and its current state."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    market = models.ForeignKey(Market, on_delete=models.PROTECT, db_index=False)
    client_order_id = models.CharField(max_length=64, null=True)  # noqa: DJ001
    side = models.CharField(max_length=4)
    time_in_force = models.CharField(max_length=3)
    price = _amount()
    quantity = _amount()
    remaining = _amount()
    status = models.CharField(max_length=16)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            # The idempotency key: a retry finds the first result.
            models.UniqueConstraint(fields=["account", "client_order_id"], name="order_key")
        ]
        indexes = [
            models.Index(
                fields=["market", "side", "price", "id"],
                condition=models.Q(status__in=["new", "partially_filled"]),
                name="baseline_book",
            )
        ]

    def __str__(self) -> str:
        return f"order {self.pk}"


class Trade(models.Model):
    """One match of a maker and a taker."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT)
    maker = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+")
    taker = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+")
    price = _amount()
    quantity = _amount()
    amount = _amount()
    maker_fee = _amount()
    taker_fee = _amount()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"trade {self.pk}"


class LedgerEntry(models.Model):
    """One side of a movement of money; those of a trade sum to zero per asset."""

    trade = models.ForeignKey(Trade, on_delete=models.PROTECT)
    # Empty for the exchange's own fees.
    account = models.ForeignKey(Account, null=True, on_delete=models.PROTECT)
    asset = models.CharField(max_length=16)
    kind = models.CharField(max_length=8)
    amount = _amount()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.asset}"
