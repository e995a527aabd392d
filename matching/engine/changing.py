"""Changing a market: its rules, its phase, and what follows from that for its orders."""

from itertools import islice
from typing import Final

from matching.engine import checks
from matching.engine.auction import uncross
from matching.engine.closing import end_open
from matching.engine.commands import ConfigureMarket, Continue, EndAuction, SetPhase
from matching.engine.events import Event, MarketChanged
from matching.engine.firing import follow
from matching.engine.market import Market
from matching.engine.phases import CLOSED, UNCROSSED, may_change
from matching.engine.rules import MarketPhase

# How many orders of a market that was closed or delisted end by one command.
CLOSED_MAX: Final = 200


def reconfigure(market: Market, command: ConfigureMarket) -> list[Event]:
    """Replace a market's rules, and its phase where that is another."""
    if market.phase == "delisted":
        return [checks.DELISTED]
    if command.phase == "delisted":
        return [checks.PHASE]
    rules = command.rules
    rescaled = rules.scale() != market.rules.scale()
    if rescaled and not (market.phase == "halted" and market.is_empty()):
        return [checks.RULES]
    market.keep()
    market.rules = rules
    if rescaled:  # they were counted in the former ticks
        market.last_price_ticks = market.static_ticks = None
    ends_us = market.auction_ends_us if command.phase == market.phase else None
    return _enter_phase(market, command.phase, ends_us, time_us=command.time_us)


def set_phase(market: Market, command: SetPhase) -> list[Event]:
    """Change a market's phase, if whoever causes it may do so."""
    if market.phase == "delisted":
        return [checks.DELISTED]
    if not may_change(command.cause, market.phase, command.phase):
        return [checks.PHASE]
    market.keep()
    return _enter_phase(market, command.phase, command.auction_ends_us, time_us=command.time_us)


def end_auction(market: Market, command: EndAuction) -> list[Event]:
    """Let trading go on after an auction whose time has come."""
    if market.phase != "auction" or market.auction_ends_us != command.due_us:
        return []
    market.keep()
    return _enter_phase(market, "continuous", None, time_us=command.time_us)


def go_on(market: Market, command: Continue) -> list[Event]:
    """Go on with what was too much for one command."""
    market.keep()
    events: list[Event] = []
    _end_what_is_closed(market, events, time_us=command.time_us)
    follow(market, events, time_us=command.time_us, enter_max=command.enter_max)
    market.tell_touched(events)
    return events


def is_unfinished(market: Market) -> bool:
    """Tell whether ``go_on`` has something to do."""
    if market.phase in CLOSED:
        return _ends_all(market) and not market.is_empty()
    return bool(market.triggers.queue) and market.phase == "continuous"


def is_quiet(market: Market) -> bool:
    """Tell whether nothing is due in a market, now or later, as it stands."""
    return not market.expiries and market.auction_ends_us is None and not is_unfinished(market)


def _enter_phase(
    market: Market, phase: MarketPhase, auction_ends_us: int | None, *, time_us: int
) -> list[Event]:
    events: list[Event] = []
    # An auction that ends, by whatever phase follows: what gathered in it trades at one price.
    if phase in UNCROSSED or (market.phase == "auction" and phase in CLOSED):
        uncross(market, events, time_us=time_us)
    market.phase = phase
    market.auction_ends_us = auction_ends_us if phase == "auction" else None
    market.watch()
    events.append(MarketChanged(market.rules.market_id, phase, market.auction_ends_us))
    _end_what_is_closed(market, events, time_us=time_us)
    follow(market, events, time_us=time_us)
    market.tell_touched(events)
    return events


def _end_what_is_closed(market: Market, events: list[Event], *, time_us: int) -> None:
    if not _ends_all(market):
        return
    for order in list(islice(market.open_orders(), CLOSED_MAX)):
        end_open(market, order, "cancelled", "market_closed", events, time_us=time_us)


def _ends_all(market: Market) -> bool:
    """Tell whether no order outlasts the phase that a market is in."""
    if market.phase == "closed":
        return market.rules.cancels_on_close
    return market.phase == "delisted"
