"""An order: what it asks for, which never changes, and how far it has come.

Everything is exact and integral: prices in ticks, quantities in lots, amounts in an asset's
smallest units, times in microseconds since the epoch, rates in parts per million. Enumerations
are short lower-case words, the same in the engine, on the wire and in the tables.
"""

from typing import TYPE_CHECKING, Final, Literal

import msgspec

Side = Literal["buy", "sell"]
OrderType = Literal["limit", "market"]
TimeInForce = Literal["gtc", "ioc", "fok"]
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
]

OPEN_STATUSES: Final = frozenset({"new", "partially_filled"})


class Carried(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an order is accepted, stored and shown with, and the engine neither reads nor changes.

    A field is added here alone, with a default: it goes by its name on the wire, in the table and
    in v1. A figure's last word says what it counts (``..._price``, ``..._quantity``,
    ``..._amount``); it is plain text, as the market writes it. There is none yet.
    """


NOTHING_CARRIED: Final = Carried()


class OrderTerms(msgspec.Struct, frozen=True, gc=False):
    """What an order asks for, for as long as it lives.

    ``budget_units`` is set for a market order by quote amount, which has no quantity.
    """

    budget_units: int | None
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    client_order_id: str | None
    carried: Carried = NOTHING_CARRIED

    @property
    def may_rest(self) -> bool:
        """Tell whether what is left of the order waits in the book."""
        return self.order_type == "limit" and self.time_in_force == "gtc"

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
    itself. Compared by identity.
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

    if TYPE_CHECKING:  # every struct has it, and no stub says so

        def __copy__(self) -> "Order":
            """Return another order with the same fields."""
