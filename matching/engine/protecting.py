"""Market-maker protection: so many fills, or so much, in a window end an account's quotes.

A window begins with the first fill that is counted and lasts as long as the protection says. What
is counted are fills of orders that rested, right after the command that brought them: a single
taker may reach through several quotes before. Then nothing of the account is left in the market,
and nothing is taken from it there until it says that it goes on.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from matching.engine.closing import end_open
from matching.engine.commands import ResetProtection, SetProtection
from matching.engine.events import Event, ProtectionChanged, Traded
from matching.engine.market import Market
from matching.engine.rules import Protection


def set_protection(market: Market, command: SetProtection) -> list[Event]:
    """Protect an account anew, as if nothing had been counted, or not any more."""
    if command.fills_max is None and command.lots_max is None:
        protection = None
        if command.account_id not in market.protections:
            return []
    else:
        protection = Protection(command.fills_max, command.lots_max, command.window_us)
    market.keep()
    return _put(market, command.account_id, protection)


def reset_protection(market: Market, command: ResetProtection) -> list[Event]:
    """Let an account go on, with nothing counted."""
    protection = market.protections.get(command.account_id)
    if protection is None:
        return []
    market.keep()
    fresh = Protection(protection.fills_max, protection.lots_max, protection.window_us)
    return _put(market, command.account_id, fresh)


def protect(market: Market, new: Sequence[Event], events: list[Event], *, time_us: int) -> None:
    """Count the fills of protected accounts; end everything of those who have had too many."""
    counted: dict[int, Protection] = {}
    for event in new:
        if type(event) is not Traded:
            continue
        account_id = event.maker.account_id
        protection = counted.get(account_id) or market.protections.get(account_id)
        if protection is not None and not protection.is_tripped:
            counted[account_id] = _count(protection, event.quantity_lots, time_us)
    for account_id, protection in counted.items():
        events += _put(market, account_id, protection)
        if protection.is_tripped:
            for order in market.orders_of(account_id):
                end_open(market, order, "cancelled", "protection", events, time_us=time_us)


def _count(protection: Protection, lots: int, time_us: int) -> Protection:
    fills, total_lots, began_us = protection.fills, protection.lots, protection.began_us
    if not fills or time_us - began_us >= protection.window_us:
        fills, total_lots, began_us = 0, 0, time_us
    fills += 1
    total_lots += lots
    fills_max, lots_max = protection.fills_max, protection.lots_max
    return replace(
        protection,
        began_us=began_us,
        fills=fills,
        lots=total_lots,
        is_tripped=(fills_max is not None and fills >= fills_max)
        or (lots_max is not None and total_lots >= lots_max),
    )


def _put(market: Market, account_id: int, protection: Protection | None) -> list[Event]:
    market.protections.put(account_id, protection)
    return [ProtectionChanged(market.rules.market_id, account_id, protection)]
