"""The phases of a market: what each lets in, and who may change it to which.

One table of each; the rule book shows the same (docs/matching.md).
"""

from typing import Final, Literal, get_args

from matching.engine import checks
from matching.engine.events import OrderRejected
from matching.engine.market import Market
from matching.engine.orders import OrderTerms
from matching.engine.rules import MarketPhase, PhaseCause

# New orders and amendments that a phase takes; cancels it always takes.
Entry = Literal["all", "resting", "post_only", "none"]
LETS_IN: Final[dict[MarketPhase, Entry]] = {
    "pre_open": "none",
    "auction": "resting",
    "continuous": "all",
    "post_only": "post_only",
    "cancel_only": "none",
    "halted": "none",
    "closed": "none",
    "delisted": "none",
}
# In these the book does not cross.
UNCROSSED: Final[frozenset[MarketPhase]] = frozenset({"continuous", "post_only"})
# An auction that one of these ends trades before.
CLOSED: Final[frozenset[MarketPhase]] = frozenset({"closed", "delisted"})
PHASES: Final[frozenset[MarketPhase]] = frozenset(get_args(MarketPhase))
# A market is delisted once, by the clock; nothing follows that.
LISTED: Final[frozenset[MarketPhase]] = PHASES - {"delisted"}
# An operator's halt outlasts the calendar: what the clock ends, the clock has begun.
BY_CLOCK: Final[frozenset[MarketPhase]] = LISTED - {"halted", "cancel_only"}
_DELISTED: Final[frozenset[MarketPhase]] = frozenset({"delisted"})
TRANSITIONS: Final[dict[PhaseCause, dict[MarketPhase, frozenset[MarketPhase]]]] = {
    "operator": dict.fromkeys(LISTED, LISTED),
    "clock": dict.fromkeys(LISTED, _DELISTED) | dict.fromkeys(BY_CLOCK, BY_CLOCK | _DELISTED),
    "market": {"continuous": frozenset({"auction"})},
    "system": dict.fromkeys(LISTED, frozenset({"halted"})),
}


def may_change(cause: PhaseCause, before: MarketPhase, after: MarketPhase) -> bool:
    """Tell whether somebody may change a market's phase so."""
    return after in TRANSITIONS[cause].get(before, frozenset())


def check_phase(market: Market, terms: OrderTerms) -> OrderRejected | None:
    """Check that the market's phase lets such an order in."""
    if market.phase == "continuous":
        return None
    entry = LETS_IN[market.phase]
    if entry == "post_only":
        return None if terms.post_only else checks.POST_ONLY_PHASE
    if entry == "resting":
        waits = terms.conditions.trigger is not None or terms.conditions.leg == "pending"
        is_taken = waits or (terms.may_rest and not terms.post_only)
        return None if is_taken else checks.AUCTION_PHASE
    return checks.DELISTED if market.phase == "delisted" else checks.HALTED
