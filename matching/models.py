"""Tables of markets and the journal: the state of matching at rest, with all its models.

Everything here but ``Market``'s descriptive fields is written by matching workers only; orders and
trades are in ``matching.order_models``, amendments in ``matching.amendment_models``, fees in
``matching.fee_models``, checkpoints of the journal in ``matching.checkpoint_models``, and what
shards let go to each other in ``matching.handover_models``.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Func, Q
from django.utils import timezone

from matching.amendment_models import OrderAmendment as OrderAmendment
from matching.checkpoint_models import Checkpoint as Checkpoint
from matching.checkpoint_models import CheckpointPart as CheckpointPart
from matching.fee_models import Promoted
from matching.handover_models import Handover as Handover
from matching.order_models import Order as Order
from matching.order_models import OrderConditions as OrderConditions
from matching.order_models import OrderKey as OrderKey
from matching.order_models import OrderList as OrderList
from matching.order_models import PreventedMatch as PreventedMatch
from matching.order_models import Trade as Trade
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
    # Of commands after this one prevented matches are stored: a journal may be older than they are.
    prevented_since = models.BigIntegerField(null=True, blank=True, editable=False)
    # And likewise amendments.
    amended_since = models.BigIntegerField(null=True, blank=True, editable=False)

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
        DELISTED = "delisted"

    class SelfTradeScope(models.TextChoices):
        OWNER = "owner"
        ACCOUNT = "account"

    symbol = models.CharField(max_length=33, unique=True)
    base = models.ForeignKey("accounts.Asset", on_delete=models.PROTECT, related_name="+")
    quote = models.ForeignKey("accounts.Asset", on_delete=models.PROTECT, related_name="+")
    # Without a constraint: to change it would take the other shard's row, which is its worker's.
    shard = models.ForeignKey(
        Shard, on_delete=models.PROTECT, related_name="markets", db_constraint=False
    )
    # By which it was let go to that shard, until that shard has adopted it.
    handover = models.ForeignKey(
        Handover,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
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
    # What becomes of two orders of one owner that meet where the one that arrives does not say,
    # and what it may say: words with commas between.
    self_trade_mode = models.CharField(
        max_length=9, choices=OrderConditions.SelfTrade, default="taker", db_default="taker"
    )
    self_trade_modes = models.CharField(
        max_length=40,
        default="taker,maker,both,decrement",
        db_default="taker,maker,both,decrement",
    )
    # How many of an account's open orders may wait for a price; empty: any number.
    max_trigger_orders = models.IntegerField(null=True, blank=True)
    max_iceberg_parts = models.IntegerField(default=100, db_default=100)
    # How far above its trigger price a market order to buy holds funds, in parts per million.
    protection_ppm = models.IntegerField(default=50_000, db_default=50_000)
    # The distances of orders that trail the market by a rate, in ten thousandths.
    min_trail_bps = models.IntegerField(default=10, db_default=10)
    max_trail_bps = models.IntegerField(default=2_000, db_default=2_000)
    # How far a trade may be from the last price, and from that of the last auction, in parts per
    # million, before trading stops into an auction of so many seconds; empty: any.
    dynamic_collar_ppm = models.IntegerField(null=True, blank=True)
    static_collar_ppm = models.IntegerField(null=True, blank=True)
    interruption_s = models.IntegerField(default=120, db_default=120)
    # What both sides pay in auctions; empty: their maker rates.
    auction_fee_ppm = models.IntegerField(null=True, blank=True)
    # Whether no order outlasts that the market is closed.
    cancels_on_close = models.BooleanField(default=False, db_default=False)
    # Its phases by the clock of a place (``matching.markets.schedules``); empty: none.
    schedule = models.TextField(blank=True, default="", db_default="")
    time_zone = models.CharField(max_length=64, default="UTC", db_default="UTC")
    # When it ends for good; empty: it does not.
    delists_at = models.DateTimeField(null=True, blank=True)
    # How many lists of orders an account may have open; empty: any number.
    max_order_lists = models.IntegerField(null=True, blank=True)
    # How much of the base asset an account may have, with what its open orders would buy; empty:
    # any.
    max_position = AmountField(null=True, blank=True)
    # How many orders an account may place or amend in ten seconds; empty: any number.
    max_messages = models.IntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        permissions = [("delist_market", "Can end markets for good")]
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
    # The last number of an order that trails, or of one whose turn is to come.
    trigger_sequence = models.BigIntegerField(default=0, db_default=0)
    # The price of the last auction, and when the one that is held ends by itself.
    static_price = AmountField(null=True, blank=True)
    auction_ends_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"state of market {self.market_id}"


class TrailMark(models.Model):
    """From where orders trail that began to with ``number`` or later, up to the next number.

    The highest that ``reference`` has been since, or, where they wait for it to rise, the lowest.
    """

    class Reference(models.TextChoices):
        LAST = "last"
        BID = "bid"
        ASK = "ask"

    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    reference = models.CharField(max_length=4, choices=Reference)
    rises = models.BooleanField()
    number = models.BigIntegerField()
    price = AmountField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["market", "reference", "rises", "number"], name="trail_mark_one"
            )
        ]

    def __str__(self) -> str:
        return f"trail of market {self.market_id} from {self.number}"


class Protection(models.Model):
    """What ends an account's quotes in a market after so many fills, or so much, in a window."""

    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    fills_max = models.IntegerField(null=True)
    quantity_max = AmountField(null=True)
    window_ms = models.IntegerField()
    # When the first fill that is counted was, and what was counted since.
    began_at = models.DateTimeField(default=EPOCH)
    fills = models.IntegerField(default=0)
    quantity = AmountField(default=0)
    # It has ended them, and takes nothing until it is reset.
    is_tripped = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "market"], name="protection_one")]

    def __str__(self) -> str:
        return f"protection of account {self.account_id} in market {self.market_id}"


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

    # Time, as all ids are: what the table is split by.
    id = models.BigIntegerField(
        primary_key=True,
        editable=False,
        db_default=Func(function="matching_next_event_id", output_field=models.BigIntegerField()),
    )
    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    # Market and sequence are unique within each partition, by an index that only partitions have.
    prev_sequence = models.BigIntegerField()
    sequence = models.BigIntegerField()
    payload = models.BinaryField()
    batch_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"event {self.market_id}/{self.sequence}"
