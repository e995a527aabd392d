"""Tables of orders and trades: what workers write of them, and nobody else."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from zavora.foundation.fields import AmountField


class Order(models.Model):
    """An order and its current state."""

    class Side(models.TextChoices):
        BUY = "buy"
        SELL = "sell"

    class Type(models.TextChoices):
        LIMIT = "limit"
        MARKET = "market"

    class TimeInForce(models.TextChoices):
        GTC = "gtc", "GTC"
        IOC = "ioc", "IOC"
        FOK = "fok", "FOK"
        GTD = "gtd", "GTD"
        DAY = "day"

    class Status(models.TextChoices):
        NEW = "new"
        PARTIALLY_FILLED = "partially_filled"
        FILLED = "filled"
        CANCELLED = "cancelled"
        EXPIRED = "expired"

    id = models.BigIntegerField(primary_key=True, editable=False)
    account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    market = models.ForeignKey(
        "matching.Market",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # NULL, not empty: only orders that have one are indexed by it.
    client_order_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    side = models.CharField(max_length=4, choices=Side)
    order_type = models.CharField(max_length=8, choices=Type)
    time_in_force = models.CharField(max_length=3, choices=TimeInForce)
    post_only = models.BooleanField(default=False)
    price = AmountField(null=True)
    # Empty for a market order by quote amount; then quote_quantity is what it may spend or earn.
    quantity = AmountField(null=True)
    quote_quantity = AmountField(null=True)
    # All that is left, whether the book shows it or not.
    remaining_quantity = AmountField()
    filled_quantity = AmountField(default=0)
    filled_quote = AmountField(default=0)
    # What is still locked for it: quote for a buy, base for a sell.
    hold = AmountField(default=0)
    maker_fee_ppm = models.IntegerField()
    taker_fee_ppm = models.IntegerField()
    # Place in the queue at its price; a new one when an amendment loses priority.
    priority = models.BigIntegerField()
    status = models.CharField(max_length=16, choices=Status)
    reason = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    # Whose account it is, for the prevention of self-trades: a rebuilt engine needs it of every
    # open order. Empty in orders of before it was recorded.
    owner_id = models.BigIntegerField(null=True, editable=False)
    # What it lost where it met an order of its owner's; empty: nothing.
    prevented_quantity = AmountField(null=True)

    class Meta:
        indexes = [
            models.Index(F("account"), F("id").desc(), name="order_account"),
            # A worker loads a market's, a client asks for its account's.
            models.Index(
                fields=["market", "account"],
                condition=Q(status__in=["new", "partially_filled"]),
                name="order_open_account",
            ),
            # A client asks for its account's, letter for letter; an operator has the name alone,
            # in whatever case somebody said it.
            models.Index(
                Lower("client_order_id"),
                F("account"),
                condition=Q(client_order_id__isnull=False),
                name="order_client_name",
            ),
        ]

    def __str__(self) -> str:
        return f"order {self.id}"


class OrderConditions(models.Model):
    """What few orders ask for, and how they wait: a row of its own, which other orders lack.

    The columns are those of ``matching.conditions``, in the units people read; empty: not asked.
    """

    class SelfTrade(models.TextChoices):
        NONE = "none"
        TAKER = "taker"
        MAKER = "maker"
        BOTH = "both"
        DECREMENT = "decrement"
        TRANSFER = "transfer"

    class Trigger(models.TextChoices):
        STOP = "stop"
        TAKE_PROFIT = "take_profit"

    class TriggerBy(models.TextChoices):
        LAST = "last"
        OPPOSITE = "opposite"

    class TriggerState(models.TextChoices):
        PENDING = "pending"
        RISING = "rising"
        FALLING = "falling"
        TRAILING = "trailing"
        QUEUED = "queued"
        TRIGGERED = "triggered"

    class Leg(models.TextChoices):
        ONE = "one"
        WORKING = "working"
        PENDING = "pending"

    order = models.OneToOneField(
        Order,
        primary_key=True,
        on_delete=models.PROTECT,
        related_name="conditions",
        db_constraint=False,
    )
    self_trade = models.CharField(max_length=9, choices=SelfTrade, blank=True)
    expires_at = models.DateTimeField(null=True)
    slides = models.BooleanField(default=False)
    display_quantity = AmountField(null=True)
    protection_price = AmountField(null=True)
    trigger = models.CharField(max_length=11, choices=Trigger, blank=True)
    trigger_by = models.CharField(max_length=8, choices=TriggerBy, default=TriggerBy.LAST)
    trigger_price = AmountField(null=True)
    trail_price = AmountField(null=True)
    trail_bps = models.IntegerField(null=True)
    activation_price = AmountField(null=True)
    trigger_state = models.CharField(max_length=9, choices=TriggerState, blank=True)
    triggered_at = models.DateTimeField(null=True)
    # Since when it trails, or when its turn is, counted over its market.
    trigger_number = models.BigIntegerField(default=0)
    # What of the rest the book does not show.
    hidden_quantity = AmountField(default=0)
    # What it is in which list; 0: in none.
    leg = models.CharField(max_length=7, choices=Leg, blank=True, default="", db_default="")
    list_id = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name = "conditions of an order"
        verbose_name_plural = "conditions of orders"

    def __str__(self) -> str:
        return f"conditions of order {self.order_id}"


class OrderList(models.Model):
    """Orders that are one thing: of two one is to trade, or others follow one that fills.

    The ids of its orders are the next ones of its shard after its own.
    """

    class Kind(models.TextChoices):
        OCO = "oco", "OCO"
        OTO = "oto", "OTO"
        OTOCO = "otoco", "OTOCO"

    id = models.BigIntegerField(primary_key=True, editable=False)
    account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    market = models.ForeignKey(
        "matching.Market",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    kind = models.CharField(max_length=5, choices=Kind)
    # NULL, not empty, as the orders' own.
    client_list_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    created_at = models.DateTimeField()
    # NULL while an order of it is open.
    done_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "list of orders"
        verbose_name_plural = "lists of orders"
        indexes = [
            models.Index(F("account"), F("id").desc(), name="order_list_account"),
            models.Index(
                fields=["account"], condition=Q(done_at__isnull=True), name="order_list_open"
            ),
            models.Index(
                fields=["account", "client_list_id"],
                condition=Q(client_list_id__isnull=False),
                name="order_list_client_name",
            ),
        ]

    def __str__(self) -> str:
        return f"list {self.id}"


class OrderKey(models.Model):
    """The first result of a request that came with an idempotency key. Purged after 30 days."""

    account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    key = models.CharField(max_length=160)
    # A digest of what was asked; the same key with another one is a conflict.
    fingerprint = models.BinaryField(max_length=16)
    # The reply as it was sent (``matching.wire``).
    result = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="order_key_unique")]

    def __str__(self) -> str:
        return f"key {self.key}"


class Trade(models.Model):
    """One match of a maker and a taker."""

    is_append_only = True

    id = models.BigIntegerField(primary_key=True, editable=False)
    market = models.ForeignKey(
        "matching.Market",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # Gapless per market: the public trade id. Unique within each partition of the table, by an
    # index that only partitions have, and across them because `reconcile` finds no gap.
    sequence = models.BigIntegerField()
    # The first trade of this taker at this price (aggregated trades).
    run_sequence = models.BigIntegerField()
    price = AmountField()
    quantity = AmountField()
    amount = AmountField(help_text="Price x quantity, in the quote asset.")
    taker_side = models.CharField(max_length=4, choices=Order.Side)
    maker_order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    taker_order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    maker_account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    taker_account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # Each in the asset that the party receives: the buyer's in base, the seller's in quote.
    maker_fee = AmountField(default=0)
    taker_fee = AmountField(default=0)
    created_at = models.DateTimeField()
    # At the one price of an auction; then the younger order is called the taker.
    is_auction = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [
            models.Index(F("maker_account"), F("id").desc(), name="trade_maker_account"),
            models.Index(F("taker_account"), F("id").desc(), name="trade_taker_account"),
        ]

    def __str__(self) -> str:
        return f"trade {self.id}"


class PreventedMatch(models.Model):
    """Two orders of one owner that met and did not trade."""

    is_append_only = True

    id = models.BigIntegerField(primary_key=True, editable=False)
    market = models.ForeignKey(
        "matching.Market",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # What the order that arrived asked for, or its market.
    mode = models.CharField(max_length=9, choices=OrderConditions.SelfTrade)
    price = AmountField()
    quantity = AmountField()
    maker_order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    taker_order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    maker_account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    taker_account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "prevented match"
        verbose_name_plural = "prevented matches"
        indexes = [
            models.Index(fields=["maker_account", "id"], name="prevented_maker_account"),
            models.Index(fields=["taker_account", "id"], name="prevented_taker_account"),
            models.Index(fields=["maker_order", "id"], name="prevented_maker_order"),
            models.Index(fields=["taker_order", "id"], name="prevented_taker_order"),
        ]

    def __str__(self) -> str:
        return f"prevented match {self.id}"
