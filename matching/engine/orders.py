"""An order: what it asks for, which never changes, and how far it has come.

Everything is exact and integral: prices in ticks, quantities in lots, amounts in an asset's
smallest units, times in microseconds since the epoch, rates in parts per million. Enumerations
are short lower-case words, the same in the engine, on the wire and in the tables.
"""

from typing import TYPE_CHECKING, Final, Literal

import msgspec

Side = Literal["buy", "sell"]
OrderType = Literal["limit", "market"]
TimeInForce = Literal["gtc", "ioc", "fok", "gtd", "day"]
OrderStatus = Literal["new", "partially_filled", "filled", "cancelled", "expired"]
# Why the rest of an order was closed.
CloseReason = Literal[
    "",
    "requested",
    "self_trade",
    "ioc_unfilled",
    "fok_unfillable",
    "no_liquidity",
    "halted",
    "balance_full",
    "time_over",
    "post_only_would_cross",
    "list",
    "interrupted",
    "market_closed",
    "protection",
]
# What becomes of two orders of one owner that meet, by the mode of the one that arrives.
SelfTradeMode = Literal["none", "taker", "maker", "both", "decrement", "transfer"]
# Away from the market (it got worse), or into it (it got better).
TriggerKind = Literal["stop", "take_profit"]
# Which price a trigger looks at: of the last trade, or the best that the order would trade with.
TriggerReference = Literal["last", "opposite"]
# How an order waits: for another of its list to fill, for a price to rise or fall to one of its
# own, behind a price that moves, or for its turn; what was "triggered" has entered the market.
# Empty: it never waited.
TriggerState = Literal["", "pending", "rising", "falling", "trailing", "queued", "triggered"]
# What an order is in its list: one of two of which only one is to trade; the one that comes first,
# or one that waits until that is filled.
Leg = Literal["one", "working", "pending"]

# By these modes both orders lose what they would have traded, and do not end for it.
LOSING_MODES: Final = frozenset({"decrement", "transfer"})
OPEN_STATUSES: Final = frozenset({"new", "partially_filled"})
WAITING: Final = frozenset({"pending", "rising", "falling", "trailing", "queued"})
ENDING_TIMES: Final = frozenset({"gtd", "day"})
RESTING_TIMES: Final = frozenset({"gtc", "gtd", "day"})


class Carried(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an order is accepted, stored and shown with, and the engine neither reads nor changes.

    A field is added here alone, with a default: it goes by its name on the wire, in the table and
    in v1. A figure's last word says what it counts (``..._price``, ``..._quantity``,
    ``..._amount``); it is plain text, as the market writes it. There is none yet.
    """


NOTHING_CARRIED: Final = Carried()


class Conditions(msgspec.Struct, frozen=True, gc=False):
    """What few orders ask for; all others share ``UNCONDITIONAL``.

    ``self_trade``: None: as its market says. ``expires_us``: when its time in force ends.
    ``slides``: a post-only order that would trade takes the next price that does not.
    ``display_lots``: how much of it the book shows at a time. ``protection_ticks``: the worst price
    at which a market order trades. ``trigger``: it waits for a price, ``trigger_ticks``, or for one
    that moves with the market ``trail_ticks`` or ``trail_bps`` (a ten thousandth) behind, once
    ``activation_ticks`` was reached (None: from the beginning). ``leg``: what it is in the list
    ``list_id``.
    """

    self_trade: SelfTradeMode | None = None
    expires_us: int | None = None
    slides: bool = False
    display_lots: int | None = None
    protection_ticks: int | None = None
    trigger: TriggerKind | None = None
    trigger_by: TriggerReference = "last"
    trigger_ticks: int | None = None
    trail_ticks: int | None = None
    trail_bps: int | None = None
    activation_ticks: int | None = None
    leg: Leg | None = None
    list_id: int = 0

    @property
    def trails(self) -> bool:
        """Tell whether the price that it waits for moves with the market."""
        return self.trail_ticks is not None or self.trail_bps is not None


UNCONDITIONAL: Final = Conditions()


class OrderTerms(msgspec.Struct, frozen=True, gc=False):
    """What an order asks for; of it an amendment changes the trigger's price alone.

    ``budget_units`` is set for a market order by quote amount, which has no quantity.
    """

    budget_units: int | None
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    client_order_id: str | None
    conditions: Conditions = UNCONDITIONAL
    carried: Carried = NOTHING_CARRIED

    @property
    def may_rest(self) -> bool:
        """Tell whether what is left of the order waits in the book."""
        return self.order_type == "limit" and self.time_in_force in RESTING_TIMES

    @property
    def is_whole_or_nothing(self) -> bool:
        """Tell whether the order fills whole or not at all."""
        return self.time_in_force == "fok"

    @property
    def ends_with_day(self) -> bool:
        """Tell whether the order's time is over with the day."""
        return self.time_in_force == "day"

    @property
    def ends_in_time(self) -> bool:
        """Tell whether the order's time is over by itself, with the day or at a time it names."""
        return self.time_in_force in ENDING_TIMES

    def as_taker(self) -> "OrderTerms":
        """Return the terms of a market order: it never rests, whatever it was called."""
        if self.time_in_force != "gtc":
            return self
        return msgspec.structs.replace(self, time_in_force="ioc")


class Order(msgspec.Struct, gc=False, eq=False):
    """An order and its current state. Mutable; only the engine writes to it.

    ``quantity_lots`` is None for a market order by quote amount; then ``remaining_lots`` stays 0.
    A closed order keeps what it had remaining. ``hold_units`` is what is still locked for it:
    quote units for a buy, base units for a sell. ``filled_quote_units`` is the sum of the amounts
    of its fills. ``owner_id`` says whose account it is; 0: not known, the account stands for
    itself. ``remaining_lots`` of an iceberg are those in the book, ``hidden_lots`` those behind;
    ``prevented_lots`` were lost to the prevention of self-trades. ``trigger_number`` says since
    when it trails, or when its turn is, counted over its market. Compared by identity.
    """

    order_id: int
    account_id: int
    market_id: int
    terms: OrderTerms
    price_ticks: int | None
    quantity_lots: int | None
    remaining_lots: int
    filled_lots: int
    filled_quote_units: int
    hold_units: int
    maker_ppm: int
    taker_ppm: int
    priority: int
    status: OrderStatus
    reason: CloseReason
    created_us: int
    updated_us: int
    owner_id: int = 0
    hidden_lots: int = 0
    prevented_lots: int = 0
    trigger_state: TriggerState = ""
    trigger_number: int = 0
    triggered_us: int = 0

    @property
    def left_lots(self) -> int:
        """Return what it may still trade, shown or not."""
        return self.remaining_lots + self.hidden_lots

    if TYPE_CHECKING:  # every struct has it, and no stub says so

        def __copy__(self) -> "Order":
            """Return another order with the same fields."""
