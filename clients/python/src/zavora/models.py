"""What the exchange answers. Figures are decimals, times are aware (UTC).

Written by scripts/client_models.py from the OpenAPI document: change that and run `make types`.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct, field

from zavora.words import (
    Liquidity,
    ListKind,
    MarketState,
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    TakerSide,
    TimeInForce,
)


class Account(Struct, frozen=True, kw_only=True):
    """A trading account; its own fee rates are null where the market's hold."""

    id: str
    label: str
    role: str  # Owner Trader Viewer
    status: str  # Active CancelOnly Closed Frozen
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None
    created_at: datetime
    updated_at: datetime


class AccountTier(Struct, frozen=True, kw_only=True):
    """A tier of an account, in force or to come; level 0 is none, and has no rates."""

    level: int
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None
    effective_at: datetime


class FeeRate(Struct, frozen=True, kw_only=True):
    """A rate for orders that are placed now, where it comes from, and when it ends."""

    fee: Decimal  # A fraction; negative: a maker's rebate.
    source: str  # Account AccountMarket Market Promotion Tier
    ends_at: datetime | None = None


class MarketFees(Struct, frozen=True, kw_only=True):
    """What an account pays in a market."""

    market: str
    maker: FeeRate
    taker: FeeRate


class FeeTier(Struct, frozen=True, kw_only=True):
    """A step of the table: from what volume on which rates hold."""

    level: int
    min_volume: Decimal
    maker_fee: Decimal
    taker_fee: Decimal


class AccountFees(Struct, frozen=True, kw_only=True):
    """What an account pays and why; the volume is of whole days (UTC), at present prices."""

    volume: Decimal
    volume_asset: str
    volume_days: int
    tier: AccountTier | None = None
    next_tier: AccountTier | None = None
    markets: list[MarketFees]
    tiers: list[FeeTier]


class Address(Struct, frozen=True, kw_only=True):
    """An address of an account's book, to which money can go from `usable_at` on."""

    id: str
    account_id: str
    asset: str
    address: str
    label: str
    created_at: datetime
    usable_at: datetime


class Alert(Struct, frozen=True, kw_only=True):
    """What you are told of once: the last price comes to yours, or goes beyond it."""

    id: str
    market: str  # A market.
    condition: str  # FallsTo RisesTo
    price: Decimal
    note: str
    repeats: bool  # Armed again once the price has gone back, after a pause.
    by_page: bool
    by_mail: bool
    state: str  # Armed Away Told Away: told, and not armed before the price has gone back.
    told_count: int  # Of two states the higher one is newer.
    told_price: Decimal | None = None  # Of the trade it was told of last.
    told_at: datetime | None = None
    created_at: datetime


class Amendment(Struct, frozen=True, kw_only=True):
    """What an open order asked for before it was amended, and asks for since."""

    id: str
    order_id: str
    market: str
    price_before: Decimal | None = None
    price: Decimal | None = None
    quantity_before: Decimal | None = None
    quantity: Decimal | None = None
    stop_price_before: Decimal | None = None
    stop_price: Decimal | None = None
    created_at: datetime


class Auction(Struct, frozen=True, kw_only=True):
    """What would trade, and at what price, if a market's auction ended now; null: nothing would."""

    price: Decimal | None = None
    quantity: Decimal
    surplus: Decimal  # Left at that price: above zero of buyers, below of sellers.
    ends_at: datetime | None = None  # When it ends by itself, if it does.


class Balance(Struct, frozen=True, kw_only=True):
    """What an account has of an asset; total is available and locked together."""

    account_id: str
    asset: str
    total: Decimal
    available: Decimal
    locked: Decimal
    updated_at: datetime


class Order(Struct, frozen=True, kw_only=True):
    """An order now. Its average price is rounded half to even; what it did not ask for is null."""

    id: str
    client_order_id: str | None = None
    user_id: str
    market: str
    side: Side
    order_type: OrderType
    price: Decimal | None = None
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    remaining_quantity: Decimal
    filled_quantity: Decimal
    filled_quote_quantity: Decimal
    average_fill_price: Decimal | None = None
    prevented_quantity: Decimal | None = None  # Lost to the prevention of self-trades.
    time_in_force: TimeInForce
    post_only: bool
    status: OrderStatus  # `Pending` waits for its price, `Triggered` has it and enters at once.
    reason: str | None = None
    created_at: datetime
    updated_at: datetime
    stop_price: Decimal | None = None
    trigger_by: str | None = None  # Last Opposite
    trail_price: Decimal | None = None
    trail_bps: int | None = None
    activation_price: Decimal | None = None
    triggered_at: datetime | None = None  # When it entered the market.
    expires_at: datetime | None = None
    display_quantity: Decimal | None = None
    protection_price: Decimal | None = None
    post_only_mode: str | None = None  # Reject Slide
    self_trade_prevention: SelfTradePrevention | None = None
    list_id: str | None = None
    leg: str | None = None  # One Pending Working What it is in its list.


class Trade(Struct, frozen=True, kw_only=True):
    """A match of an order; the counterparty's ids are null for those who do not own them."""

    id: str
    market: str
    price: Decimal
    quantity: Decimal
    amount: Decimal
    buyer_order_id: str | None = None
    seller_order_id: str | None = None
    buyer_id: str | None = None
    seller_id: str | None = None
    taker_side: TakerSide
    created_at: datetime


class ErrorBody(Struct, frozen=True, kw_only=True):
    """What went wrong: a stable code, a text for people, and what it is about."""

    code: str
    message: str
    details: dict[str, Any] = {}


class BatchItem(Struct, frozen=True, kw_only=True):
    """What became of one order: the order and its trades, or the error."""

    order: Order | None = None
    trades: list[Trade] | None = None
    error: ErrorBody | None = None


class Candle(Struct, frozen=True, kw_only=True):
    """Open, high, low, close and volumes of an interval; it closes when the next one opens."""

    market: str
    interval: str
    open_time: datetime
    close_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int


class JournalPlace(Struct, frozen=True, kw_only=True):
    """Where a command stands in its shard's journal, and the request that it came by."""

    shard: int
    sequence: int
    command: str
    request_id: str | None = None


class Ending(Struct, frozen=True, kw_only=True):
    """How an order ended; `journal`: of the account's command that ended it, if one did."""

    status: str  # Cancelled Expired Filled
    reason: str | None = None
    at: datetime
    journal: JournalPlace | None = None


class FeeSum(Struct, frozen=True, kw_only=True):
    """What all fills of an order cost in an asset; below zero: what was paid for them."""

    asset: str
    amount: Decimal


class Fill(Struct, frozen=True, kw_only=True):
    """A trade as one of its parties sees it."""

    id: str
    order_id: str
    market: str
    side: Side
    price: Decimal
    quantity: Decimal
    amount: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Liquidity
    created_at: datetime


class Half(Struct, frozen=True, kw_only=True):
    """What became of one half of a replacement: the order, or the error.

    A new order has its trades.
    """

    order: Order | None = None
    trades: list[Trade] | None = None
    error: ErrorBody | None = None


class Service(Struct, frozen=True, kw_only=True):
    """A part of the exchange."""

    status: str  # down up
    latency_ms: float


class Services(Struct, frozen=True, kw_only=True):
    """The parts of the exchange."""

    matching_engine: Service
    account_service: Service
    market_data_service: Service


class MarketSetAside(Struct, frozen=True, kw_only=True):
    """A market on which a part of the work fails; the other markets go on."""

    market: str
    part: str  # candles feed matching rules


class MarketCount(Struct, frozen=True, kw_only=True):
    """How many markets there are, how many can be traded, and on which a part of the work fails."""

    total: int
    active: int
    set_aside: list[MarketSetAside]


class System(Struct, frozen=True, kw_only=True):
    """What the answering process uses."""

    memory_usage_mb: float


class Health(Struct, frozen=True, kw_only=True):
    """How the exchange is. `degraded` with 200: a market is set aside, or a web process down.

    `web`: the web processes that share the port.
    """

    status: str  # degraded healthy
    version: str
    timestamp: datetime
    uptime_seconds: int
    services: Services
    web: dict[str, str]
    markets: MarketCount
    system: System
    health_check_latency_ms: float


class Key(Struct, frozen=True, kw_only=True):
    """An API key; `key` names a signing one in requests, `account_id` is what it is limited to.

    Orders are limited to `markets`, unless that is empty.
    """

    id: str
    name: str
    kind: str  # Bearer Ed25519 HMAC RSA
    key: str | None = None
    scopes: list[str]  # read trade withdraw
    account_id: str | None = None
    markets: list[str]
    addresses: list[str]
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    created_at: datetime
    last_used_at: datetime | None = None
    last_used_from: str | None = None


class KeyMade(Struct, frozen=True, kw_only=True):
    """A new key and, this once, its token or HMAC secret; null where the key pair is yours."""

    key: Key
    secret: str | None = None


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """One movement of one asset; negative takes, positive gives."""

    id: str
    transaction_id: str
    kind: str  # Adjustment Deposit Fee Prevented Trade Transfer Withdrawal
    asset: str
    amount: Decimal
    balance_after: Decimal | None = None
    reference: str
    created_at: datetime


class LiabilityNode(Struct, frozen=True, kw_only=True):
    """A partner on the way to the root: its hash, and its sum in whole smallest units."""

    hash: str  # SHA-256, hexadecimal.
    sum: str  # Digits.


class LiabilityProof(Struct, frozen=True, kw_only=True):
    """What leads from a balance to the root of its asset's tree."""

    asset: str
    amount: Decimal
    nonce: str  # Hexadecimal; it is nobody else's business.
    position: int
    path: list[LiabilityNode]


class LiabilityProofs(Struct, frozen=True, kw_only=True):
    """The file that examples/verify_liabilities.py checks: a proof for each balance."""

    format: str  # zavora-liabilities-1
    snapshot: str
    taken_at: datetime
    account: str
    proofs: list[LiabilityProof]


class LiabilityRoot(Struct, frozen=True, kw_only=True):
    """The root of an asset's tree: what the exchange owes of it, and to how many accounts."""

    asset: str
    scale: int
    total: Decimal
    leaves: int
    root: str  # SHA-256, hexadecimal.


class LiabilitySnapshot(Struct, frozen=True, kw_only=True):
    """All customers' balances of one moment."""

    id: str
    taken_at: datetime
    trees: list[LiabilityRoot]


class NextPhase(Struct, frozen=True, kw_only=True):
    """The state that a market is to have from a time on, by the clock alone."""

    state: MarketState
    at: datetime


class Promotion(Struct, frozen=True, kw_only=True):
    """Rates that nobody without rates of their own pays more than from a time until another."""

    maker_fee: Decimal
    taker_fee: Decimal
    starts_at: datetime
    ends_at: datetime


class Market(Struct, frozen=True, kw_only=True):
    """A market and its rules; order sizes are in the quote asset, scales count decimals."""

    symbol: str
    base_asset: str
    quote_asset: str
    base_scale: int
    quote_scale: int
    price_tick: Decimal
    quantity_step: Decimal
    min_order_size: Decimal
    max_order_size: Decimal
    max_price: Decimal
    max_quantity: Decimal
    max_price_deviation: Decimal | None = None
    dynamic_collar: Decimal | None = None  # How far from the last price a trade may be.
    static_collar: Decimal | None = None  # How far from the last auction's price a trade may be.
    interruption_s: int  # How long the auction lasts that comes instead of such a trade.
    # Open orders that an account may have here; null: any number.
    max_open_orders: int | None = None
    # How many of them may wait for a price; null: any number.
    max_trigger_orders: int | None = None
    max_order_lists: int | None = None  # Lists that an account may have open; null: any number.
    # How much of the base asset an account may have, with what its open orders here would buy;
    # null: any.
    max_position: Decimal | None = None
    # Orders that an account may place or amend here in ten seconds of the clock, refused ones
    # counted in; null: any number.
    max_messages: int | None = None
    max_iceberg_parts: int  # `quantity` may be at most so many times `display_quantity`.
    # How far above its stop price a market order to buy trades, at most.
    trigger_protection: Decimal
    min_trail_bps: int
    max_trail_bps: int
    self_trade_scope: str  # Account Owner Whose orders are kept from trading with each other.
    self_trade_prevention: SelfTradePrevention  # Of orders that do not ask for one.
    self_trade_preventions: list[SelfTradePrevention]  # Which of them an order may ask for.
    trading_enabled: bool
    state: MarketState
    auction: Auction | None = None
    # Its states by the clock, a line for each change; null: it has none.
    schedule: str | None = None
    time_zone: str  # Of the schedule.
    # null: nothing is to come, or an operator has stopped the market.
    next_phase: NextPhase | None = None
    # When all orders end, and the market for good; null: it goes on.
    delists_at: datetime | None = None
    maker_fee: Decimal
    taker_fee: Decimal
    auction_fee: Decimal | None = None  # Of both sides in auctions; null: their maker rates.
    promotion: Promotion | None = None
    is_demo: bool


class PageSizes(Struct, frozen=True, kw_only=True):
    """How wide or high panels were made, in pixels; 0: as the preset has it."""

    markets: int = 0
    side: int = 0
    ticket: int = 0
    tape: int = 0
    activity: int = 0


class NamedLayout(Struct, frozen=True, kw_only=True):
    """A layout that was saved under a name."""

    preset: str = "swing"  # scalp swing watch
    hidden: list[str] = []  # activity book markets tape ticket
    sizes: PageSizes = field(default_factory=PageSizes)
    name: str


class OrderBook(Struct, frozen=True, kw_only=True):
    """The best levels of a book as (price, quantity), best price first."""

    market: str
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    sequence: int
    auction: Auction | None = None


class OrderList(Struct, frozen=True, kw_only=True):
    """Orders that are one thing; `Done` once none of them is open any more."""

    id: str
    client_list_id: str | None = None
    user_id: str
    market: str
    kind: ListKind
    status: str  # Done Executing
    order_ids: list[str]  # As placed, the working order first.
    created_at: datetime


class OrderListPlaced(Struct, frozen=True, kw_only=True):
    """A list of orders, and each of its orders as it is now."""

    list_: OrderList = field(name="list")
    orders: list[Order]


class OrderPlaced(Struct, frozen=True, kw_only=True):
    """An order after the command, and the trades it made at once, oldest first."""

    order: Order
    trades: list[Trade]


class OrderPreview(Struct, frozen=True, kw_only=True):
    """What would become of an order as things stand; it is not placed.

    Where it would be refused, `code` and `reason` are those of the refusal.
    """

    accepted: bool
    code: str | None = None
    reason: str | None = None  # Why it would be refused, or would end at once.
    message: str | None = None
    status: OrderStatus | None = None
    price: Decimal | None = None  # Its own price, as a slide leaves it.
    average_price: Decimal | None = None
    worst_price: Decimal | None = None
    filled_quantity: Decimal
    resting_quantity: Decimal  # Left in the book, or waiting.
    amount: Decimal  # Of the fills, in the quote asset.
    fee: Decimal
    fee_asset: str
    hold: Decimal  # What placing it would lock.
    hold_asset: str
    sequence: int  # Of the order book that it was tried out on.


class Placement(Struct, frozen=True, kw_only=True):
    """When an order came into the queue, was decided, and was written just before its commit.

    What is not on record any more is null; `written_at` is kept for a day.
    """

    received_at: datetime | None = None
    decided_at: datetime
    written_at: datetime | None = None
    milliseconds: int | None = None  # From `received_at` to `written_at`, both to the millisecond.
    journal: JournalPlace | None = None


class Prevention(Struct, frozen=True, kw_only=True):
    """What kept an order from trading with another of its owner."""

    mode: SelfTradePrevention
    price: Decimal
    quantity: Decimal
    amount: Decimal | None = None
    liquidity: Liquidity
    other_order_id: str | None = None
    created_at: datetime


class OrderStep(Struct, frozen=True, kw_only=True):
    """A step in an order's life, and what it moved in the account's ledger.

    `journal`: of an amendment that somebody asked for.
    """

    change: str  # Amended Prevented Trade
    at: datetime
    amendment: Amendment | None = None
    fill: Fill | None = None
    prevention: Prevention | None = None
    journal: JournalPlace | None = None
    entries: list[LedgerEntry]


class OrderProof(Struct, frozen=True, kw_only=True):
    """What journal, trades and ledger say of an order; its steps oldest first, in pages."""

    order: Order
    placed: Placement
    steps: list[OrderStep]
    ended: Ending | None = None
    fees: list[FeeSum]


class OrderReplaced(Struct, frozen=True, kw_only=True):
    """What became of the old order and of the new one; `placed` is null where it was not tried."""

    cancelled: Half
    placed: Half | None = None


class PageLayout(Struct, frozen=True, kw_only=True):
    """Where the panels stand: by which preset, which of them are hidden, and their sizes."""

    preset: str = "swing"  # scalp swing watch
    hidden: list[str] = []  # activity book markets tape ticket
    sizes: PageSizes = field(default_factory=PageSizes)


class PageWarning(Struct, frozen=True, kw_only=True):
    """What the page does about an order that is odd in one way, and from which limit on."""

    act: str = "off"  # ask block off
    limit: str = ""


class PageWarnings(Struct, frozen=True, kw_only=True):
    """In which ways an order may be odd."""

    through: PageWarning = field(default_factory=PageWarning)
    away: PageWarning = field(default_factory=PageWarning)
    thin: PageWarning = field(default_factory=PageWarning)
    deep: PageWarning = field(default_factory=PageWarning)
    share: PageWarning = field(default_factory=PageWarning)
    worth: PageWarning = field(default_factory=PageWarning)


class PageSounds(Struct, frozen=True, kw_only=True):
    """Which tone is heard of what, and how loud; silent until they are switched on."""

    on: bool = False
    volume: int = 60
    fill: str = "chime"  # chime knock none ping rise
    reject: str = "knock"  # chime knock none ping rise
    alert: str = "rise"  # chime knock none ping rise


class PageChoices(Struct, frozen=True, kw_only=True):
    """Everything that can be chosen of the page."""

    theme: str = "system"  # dark light system
    density: str = "comfortable"  # comfortable compact
    palette: str = "classic"  # blue_orange classic teal_pink
    layout: PageLayout = field(default_factory=PageLayout)
    layout_name: str = ""
    layouts: list[NamedLayout] = []
    favourites: list[str] = []
    markets_sort: str = "none"  # change last name none volume
    markets_descending: bool = False
    markets_quote: str = ""
    only_favourites: bool = False
    hot_keys: bool = False
    is_introduced: bool = False
    slippage: str = ""
    warnings: PageWarnings = field(default_factory=PageWarnings)
    sounds: PageSounds = field(default_factory=PageSounds)
    desktop_notices: bool = False
    currency: str = ""


class PortfolioSums(Struct, frozen=True, kw_only=True):
    """What a portfolio came to at a moment, in the currency's own scale.

    `value = flows + realised + unrealised + uncosted_value - unpriced_cost`, to the last unit.
    """

    value: Decimal  # Of all that can be valued.
    # What came in less what went out, each at its value then; transfers at their cost. No part of
    # the result.
    flows: Decimal
    realised: Decimal  # What was earned, less what was lost, by all that went.
    unrealised: Decimal  # Value less cost of what is there.
    uncosted_value: Decimal  # Of what came when its value was not known; makes no result.
    unpriced_cost: Decimal  # Of what cannot be valued.
    unpriced: list[str]  # Assets that cannot be valued then, and are not in `value`.


class PortfolioFlows(Struct, frozen=True, kw_only=True):
    """What came and went since the beginning; `flows` is made of these."""

    deposited: Decimal
    withdrawn: Decimal
    carried_in: Decimal  # Cost of what own accounts transferred here.
    carried_out: Decimal
    found: Decimal  # What uncosted quantities were worth when they were sold.


class PortfolioAsset(Struct, frozen=True, kw_only=True):
    """An asset of a portfolio; prices are in the currency and have 18 decimals at most."""

    asset: str
    quantity: Decimal  # All of it, held by orders or not.
    uncosted_quantity: Decimal  # So much of it has no known cost.
    price: Decimal | None = None  # Last price; null: none leads there.
    path: list[str]  # The markets by whose last prices it is valued, in turn.
    value: Decimal | None = None
    cost: Decimal  # Weighted average, fees included.
    average_cost: Decimal | None = None  # `cost` for one of it.
    realised: Decimal
    unrealised: Decimal | None = None


class PortfolioFee(Struct, frozen=True, kw_only=True):
    """What was paid in an asset, less rebates."""

    asset: str
    amount: Decimal


class PortfolioTrading(Struct, frozen=True, kw_only=True):
    """What was paid and traded in 30 days before today (UTC) and since."""

    since: datetime
    fees: Decimal  # In the currency, each at its value then.
    fees_by_asset: list[PortfolioFee]
    maker_volume: Decimal
    taker_volume: Decimal


class Portfolio(Struct, frozen=True, kw_only=True):
    """What accounts are worth, what that cost and what it brought, in one currency."""

    account_id: str | None = None  # Null: of all the caller's own.
    currency: str
    as_of: datetime
    is_complete: bool  # False: a long history is being counted, up to `as_of` so far; ask again.
    sums: PortfolioSums
    flows: PortfolioFlows
    assets: list[PortfolioAsset]
    trading: PortfolioTrading


class PortfolioMoment(Struct, frozen=True, kw_only=True):
    """How a portfolio stood at a moment: with all that was before it, by the last prices then."""

    value: Decimal  # Of all that can be valued.
    # What came in less what went out, each at its value then; transfers at their cost. No part of
    # the result.
    flows: Decimal
    realised: Decimal  # What was earned, less what was lost, by all that went.
    unrealised: Decimal  # Value less cost of what is there.
    uncosted_value: Decimal  # Of what came when its value was not known; makes no result.
    unpriced_cost: Decimal  # Of what cannot be valued.
    unpriced: list[str]  # Assets that cannot be valued then, and are not in `value`.
    time: datetime


class PortfolioHistory(Struct, frozen=True, kw_only=True):
    """How a portfolio stood at the ends of days or hours (UTC), oldest first."""

    account_id: str | None = None
    currency: str
    interval: str
    is_complete: bool
    points: list[PortfolioMoment]


class Preferences(Struct, frozen=True, kw_only=True):
    """What the caller chose of the trading page; each write adds one to the version."""

    version: int  # 0: nothing was chosen yet.
    document: PageChoices
    updated_at: datetime | None = None


class Protection(Struct, frozen=True, kw_only=True):
    """What ends an account's quotes in a market: so many fills, or so much, in a window.

    Null where nothing does. `tripped`: it has ended them, and lets nothing in until it is reset.
    """

    user_id: str
    market: str
    max_fills: int | None = None
    max_quantity: Decimal | None = None
    window_ms: int | None = None
    tripped: bool


class PublicTrade(Struct, frozen=True, kw_only=True):
    """A trade as everybody sees it."""

    id: str
    market: str
    price: Decimal
    quantity: Decimal
    taker_side: TakerSide
    timestamp: datetime
    auction: bool


class QueuePlace(Struct, frozen=True, kw_only=True):
    """What is shown at an order's price by those whose turn is before its own."""

    order_id: str
    queue_ahead: Decimal


class QueuePlaces(Struct, frozen=True, kw_only=True):
    """Places of an account's orders in a market's book, as of its `sequence`; oldest first."""

    user_id: str
    market: str
    sequence: int
    orders: list[QueuePlace]


class Report(Struct, frozen=True, kw_only=True):
    """A report: asked for, made in the background, kept for a while."""

    id: str
    account_id: str
    kind: str  # Statement Trades
    format: str  # CSV PDF
    from_: datetime = field(name="from")  # Inclusive.
    to: datetime  # Exclusive.
    state: str  # Done Failed Making Pending
    progress: int  # Per cent.
    size: int | None = None  # Bytes of the file; null until it is done.
    sha256: str | None = None  # Of the file; null until it is done.
    note: str | None = None  # Why it failed.
    created_at: datetime
    expires_at: datetime | None = None  # When the file is thrown away.


class Ticker(Struct, frozen=True, kw_only=True):
    """The last 24 hours of a market; null where nothing was traded yet."""

    market: str
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    change_24h: Decimal | None = None
    change_24h_percent: Decimal | None = None
    high_24h: Decimal | None = None
    low_24h: Decimal | None = None
    volume_24h: Decimal | None = None
    quote_volume_24h: Decimal | None = None
    vwap_24h: Decimal | None = None
    auction: Auction | None = None
    timestamp: datetime


class Transfer(Struct, frozen=True, kw_only=True):
    """Money that went from one account to another of the same owner; it is done at once."""

    id: str  # A UUID, and the `reference` of its ledger entries.
    from_account: str
    to_account: str
    asset: str
    amount: Decimal
    created_at: datetime


class Withdrawal(Struct, frozen=True, kw_only=True):
    """Money on its way out."""

    id: str
    account_id: str
    asset: str
    amount: Decimal
    address: str
    state: str  # Cancelled Pending Settled Is the money held, has it left, or was it given back?
    # Approved Cancelled Failed Pending Refused Settled Pending: it waits to be approved. Approved:
    # it waits to be paid out.
    stage: str
    approvals_needed: int
    approvals_given: int
    created_at: datetime
    updated_at: datetime


class WithdrawalAnswer(Struct, frozen=True, kw_only=True):
    """The balance after the hold, and the withdrawal."""

    account_id: str
    asset: str
    total: Decimal
    available: Decimal
    locked: Decimal
    updated_at: datetime
    withdrawal: Withdrawal
