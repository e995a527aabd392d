"""What the engine is asked to do. Figures and words as in ``matching.engine.orders``."""

import msgspec

from matching.engine.orders import CloseReason, Order, OrderStatus, OrderTerms, Side
from matching.engine.rules import IntegerRules, MarketPhase, MarketSnapshot, PhaseCause


class Place(msgspec.Struct, frozen=True, gc=False):
    """Place an order. ``available_units``: what the account has of the asset it would pay with.

    ``owner_id``: whose account it is; 0: not known, or nobody's.
    """

    market_id: int
    account_id: int
    order_id: int
    terms: OrderTerms
    price_ticks: int | None
    quantity_lots: int | None
    maker_ppm: int
    taker_ppm: int
    available_units: int
    time_us: int
    owner_id: int = 0


class ListLeg(msgspec.Struct, frozen=True, gc=False):
    """One order of a list; its terms say which leg it is."""

    order_id: int
    terms: OrderTerms
    price_ticks: int | None
    quantity_lots: int | None


class PlaceList(msgspec.Struct, frozen=True, gc=False):
    """Place orders that are one thing: two of which one is to trade, or one that others follow.

    The working order comes first. ``available_units`` as in Place, of what the first leg pays with.
    """

    market_id: int
    account_id: int
    legs: tuple[ListLeg, ...]
    maker_ppm: int
    taker_ppm: int
    available_units: int
    time_us: int
    owner_id: int = 0


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """Cancel one open order of an account. ``reason``: why; mostly because it was asked for."""

    market_id: int
    account_id: int
    order_id: int
    time_us: int
    reason: CloseReason = "requested"


class Replace(msgspec.Struct, frozen=True, gc=False):
    """Cancel one open order of an account, and place another in its market.

    ``only_status``: the old one goes only if it has that status. ``goes_on``: the new one is placed
    even where the old one does not go. ``place`` says what was available before the cancel.
    """

    market_id: int
    account_id: int
    order_id: int
    place: Place
    goes_on: bool
    time_us: int
    only_status: OrderStatus | None = None


class CancelAll(msgspec.Struct, frozen=True, gc=False):
    """Cancel all open orders of an account in a market, oldest first; ``side`` None: both."""

    market_id: int
    account_id: int
    side: Side | None
    time_us: int


class Amend(msgspec.Struct, frozen=True, gc=False):
    """Change price, total quantity or trigger price of an open order. None leaves one as it is.

    Less quantity at the same price keeps the order's priority; anything else gives it
    ``priority`` and may trade at once. ``quantity_lots`` counts what is already filled.
    """

    market_id: int
    account_id: int
    order_id: int
    price_ticks: int | None
    quantity_lots: int | None
    priority: int
    available_units: int
    time_us: int
    trigger_ticks: int | None = None


class Expire(msgspec.Struct, frozen=True, gc=False):
    """End a market's orders whose time in force is over by ``time_us``, a bounded number."""

    market_id: int
    time_us: int


class Continue(msgspec.Struct, frozen=True, gc=False):
    """Go on with what was too much for one command: triggered orders, or a closing market's.

    ``enter_max``: how many may enter by it; None: as many as by any command.
    """

    market_id: int
    time_us: int
    enter_max: int | None = None


class SetProtection(msgspec.Struct, frozen=True, gc=False):
    """Protect an account's quotes in a market; without both maxima: not any more."""

    market_id: int
    account_id: int
    fills_max: int | None
    lots_max: int | None
    window_us: int
    time_us: int


class ResetProtection(msgspec.Struct, frozen=True, gc=False):
    """Let an account whose protection has ended its quotes go on, with nothing counted."""

    market_id: int
    account_id: int
    time_us: int


class ConfigureMarket(msgspec.Struct, frozen=True, gc=False):
    """Add a market, or replace the rules of one (tick and lot only when halted and empty)."""

    rules: IntegerRules
    phase: MarketPhase
    time_us: int


class SetPhase(msgspec.Struct, frozen=True, gc=False):
    """Halt, resume or otherwise change the trading phase of a market.

    ``auction_ends_us``: when an auction that begins so ends by itself.
    """

    market_id: int
    phase: MarketPhase
    time_us: int
    cause: PhaseCause = "operator"
    auction_ends_us: int | None = None


class EndAuction(msgspec.Struct, frozen=True, gc=False):
    """End an auction whose time has come, if it still ends at ``due_us``."""

    market_id: int
    due_us: int
    time_us: int


class ReleaseMarket(msgspec.Struct, frozen=True, gc=False):
    """Let a market go with all that is remembered of it: another engine adopts it."""

    market_id: int
    time_us: int


class AdoptMarket(msgspec.Struct, frozen=True):
    """Take a market as another engine let it go. ``state_hash``: its own; empty: not compared.

    The orders are the engine's from then on.
    """

    snapshot: MarketSnapshot
    orders: list[Order]
    state_hash: str
    time_us: int


class SetSwitch(msgspec.Struct, frozen=True, gc=False):
    """Say when all of an account's orders are to be cancelled; ``due_us`` None: not any more.

    ``key_id``: which credential says so, each for itself; 0: its owner's sessions.
    """

    account_id: int
    key_id: int
    due_us: int | None
    time_us: int


class FireSwitch(msgspec.Struct, frozen=True, gc=False):
    """End a switch whose time has come, if it still is ``due_us``. The orders go by CancelAll."""

    account_id: int
    key_id: int
    due_us: int
    time_us: int


Command = (
    Place
    | PlaceList
    | Cancel
    | Replace
    | CancelAll
    | Amend
    | Expire
    | Continue
    | SetProtection
    | ResetProtection
    | ConfigureMarket
    | SetPhase
    | EndAuction
    | ReleaseMarket
    | AdoptMarket
    | SetSwitch
    | FireSwitch
)
