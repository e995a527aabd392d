"""Tables of markets, orders, trades and the journal: the state of matching at rest.

Everything here but ``Market``'s descriptive fields is written by matching workers only; fees are
in ``matching.fee_models``.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from matching.fee_models import Promoted
from zavora.foundation.fields import AmountField
from zavora.foundation.times import EPOCH


class Shard(models.Model):
    """A set of markets that one worker at a time owns; the fence of rule 3 (one writer)."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    epoch = models.BigIntegerField(default=0)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_expires_at = models.DateTimeField(default=timezone.now)
    # The PostgreSQL backend of the owner's session, which a successor terminates first.
    backend_pid = models.IntegerField(null=True, blank=True)
    last_stream_id = models.CharField(max_length=40, default="0-0")
    journal_sequence = models.BigIntegerField(default=0)
    # Batch time never goes back; the engine sees no other clock.
    last_batch_at = models.DateTimeField(default=EPOCH)
    last_id = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id__lt=63), name="shard_id_bits")]

    def __str__(self) -> str:
        return f"shard {self.id}"


class Market(Promoted):
    """Two assets, the rules of trading them, and the shard that matches them."""

    class Phase(models.TextChoices):
        PRE_OPEN = "pre_open"
        AUCTION = "auction"
        CONTINUOUS = "continuous"
        POST_ONLY = "post_only"
        CANCEL_ONLY = "cancel_only"
        HALTED = "halted"
        CLOSED = "closed"

    class SelfTradeScope(models.TextChoices):
        OWNER = "owner"
        ACCOUNT = "account"

    symbol = models.CharField(max_length=33, unique=True)
    base = models.ForeignKey("accounts.Asset", on_delete=models.PROTECT, related_name="+")
    quote = models.ForeignKey("accounts.Asset", on_delete=models.PROTECT, related_name="+")
    shard = models.ForeignKey(Shard, on_delete=models.PROTECT, related_name="markets")
    tick_size = AmountField()
    lot_size = AmountField()
    min_notional = AmountField(default=0)
    max_notional = AmountField()
    max_price = AmountField()
    max_quantity = AmountField()
    # How far a limit price may be from the last price, in parts per million; empty: any.
    band_ppm = models.IntegerField(null=True, blank=True)
    maker_fee_ppm = models.IntegerField(default=0)
    taker_fee_ppm = models.IntegerField(default=0)
    phase = models.CharField(max_length=12, choices=Phase, default=Phase.HALTED)
    is_demo = models.BooleanField(default=False)
    # Whose orders do not trade with each other.
    self_trade_scope = models.CharField(
        max_length=7, choices=SelfTradeScope, default=SelfTradeScope.OWNER, db_default="owner"
    )
    # How many open orders an account may have here; empty: any number.
    max_open_orders = models.IntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(tick_size__gt=0)
                & Q(lot_size__gt=0)
                & Q(min_notional__gte=0)
                & Q(max_notional__gt=0)
                & Q(max_notional__lt=10**20)
                & Q(max_price__gt=0)
                & Q(max_price__lt=10**20)
                & Q(max_quantity__gt=0)
                & Q(max_quantity__lt=10**20),
                name="market_rules_positive",
            ),
            models.CheckConstraint(
                condition=Q(maker_fee_ppm__range=(-1_000_000, 1_000_000))
                & Q(taker_fee_ppm__range=(0, 1_000_000)),
                name="market_fee_range",
            ),
            models.CheckConstraint(condition=~Q(base=F("quote")), name="market_two_assets"),
        ]

    def __str__(self) -> str:
        return self.symbol


class MarketState(models.Model):
    """A market's counters and last price."""

    market = models.OneToOneField(
        Market, primary_key=True, on_delete=models.PROTECT, related_name="state"
    )
    event_sequence = models.BigIntegerField(default=0)
    depth_sequence = models.BigIntegerField(default=0)
    trade_sequence = models.BigIntegerField(default=0)
    last_price = AmountField(null=True, blank=True)

    def __str__(self) -> str:
        return f"state of market {self.market_id}"


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
        Market, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
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
    reason = models.CharField(max_length=16, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    # Whose account it is, for the prevention of self-trades: a rebuilt engine needs it of every
    # open order. Empty in orders of before it was recorded.
    owner_id = models.BigIntegerField(null=True, editable=False)

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
        Market, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    # Gapless per market: the public trade id.
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

    class Meta:
        indexes = [
            models.Index(F("maker_account"), F("id").desc(), name="trade_maker_account"),
            models.Index(F("taker_account"), F("id").desc(), name="trade_taker_account"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["market", "sequence"], name="trade_market_sequence")
        ]

    def __str__(self) -> str:
        return f"trade {self.id}"


class Command(models.Model):
    """The journal: every command in order, what the engine was given for it, and the outcome."""

    is_append_only = True

    class Outcome(models.TextChoices):
        APPLIED = "applied"
        REJECTED = "rejected"
        DUPLICATE = "duplicate"
        EXPIRED = "expired"
        VOID = "void"

    id = models.BigIntegerField(primary_key=True, editable=False)
    shard = models.ForeignKey(
        Shard, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    # Gapless per shard, in the order of application.
    sequence = models.BigIntegerField()
    stream_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=12)
    account = models.ForeignKey(
        "accounts.Account",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    market = models.ForeignKey(
        Market,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # The command as it was queued (``matching.wire``), even where it could not be decoded.
    body = models.BinaryField()
    request_id = models.CharField(max_length=36, blank=True)
    # What the engine was given beside the body: the batch's time, an id, rates, funds, an owner.
    batch_at = models.DateTimeField()
    order_id = models.BigIntegerField(null=True)
    funds = AmountField(null=True)
    maker_fee_ppm = models.IntegerField(null=True)
    taker_fee_ppm = models.IntegerField(null=True)
    owner_id = models.BigIntegerField(null=True, editable=False)
    # Whether the engine saw the command at all (else the worker refused it before).
    reached_engine = models.BooleanField(default=False)
    outcome = models.CharField(max_length=9, choices=Outcome)
    reason = models.CharField(max_length=32, blank=True)
    # Who asked, where an operator did (NULL: a customer, about what is their own).
    actor = models.CharField(max_length=128, null=True, blank=True)  # noqa: DJ001

    class Meta:
        verbose_name = "journal entry"
        verbose_name_plural = "journal entries"
        indexes = [
            models.Index(
                F("account"),
                F("id").desc(),
                condition=Q(account__isnull=False),
                name="command_account",
            ),
            # For operators, who look for one of them now and then: digests of block ranges, which
            # cost a batch next to nothing.
            BrinIndex(
                fields=["request_id", "order_id"],
                opclasses=["text_bloom_ops", "int8_bloom_ops"],
                pages_per_range=32,
                autosummarize=True,
                name="command_asked",
            ),
        ]

    def __str__(self) -> str:
        return f"command {self.shard_id}/{self.sequence}"


class Switch(models.Model):
    """When all orders of an account on a shard go, as one key (0: its owner's session) asked."""

    shard_id = models.PositiveSmallIntegerField()
    account_id = models.BigIntegerField()
    key_id = models.BigIntegerField()
    due_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account_id", "key_id", "shard_id"], name="switch_one")
        ]

    def __str__(self) -> str:
        return f"switch {self.account_id}/{self.key_id}"


class Event(models.Model):
    """What one batch did to one market, exactly as published. Kept a day, to fill gaps in feeds."""

    is_append_only = True

    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    prev_sequence = models.BigIntegerField()
    sequence = models.BigIntegerField()
    payload = models.BinaryField()
    batch_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["market", "sequence"], name="event_market_sequence")
        ]

    def __str__(self) -> str:
        return f"event {self.market_id}/{self.sequence}"
