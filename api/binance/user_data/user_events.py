"""What happens to an account, as this API spells it: executionReport, outboundAccountPosition, ...

Each event is made once, as JSON text, for everybody who follows the account.
"""

from collections.abc import Callable
from typing import Any, Final

from accounts.money import selectors
from api.binance.words import reports
from api.binance.words.symbols import is_offered, symbol_of
from api.binance.words.text import ZERO, eight, ms_of_us
from api.transport.exact_json import encode
from api.transport.threads import in_thread
from marketdata.feed.account_streams import AccountEvent, AccountStep
from marketdata.feed.feed import MarketView, Message
from matching.markets.terms import MarketTerms
from matching.wire import BalanceState
from zavora.foundation.times import now_ms

# The trade of a step that is none.
NO_TRADE: Final = -1
EXECUTIONS: Final = {
    "new": "NEW",
    "trade": "TRADE",
    "cancelled": "CANCELED",
    "expired": "EXPIRED",
    "amended": "REPLACED",
}
OPEN_STATUSES: Final = frozenset({"new", "partially_filled"})


class UserDataCodec:
    """Spells the feed's account events as JSON texts."""

    def __init__(self, is_told: Callable[[MarketView], bool] = is_offered) -> None:
        # Whether steps in a market have a symbol by which they can be told.
        self._is_told = is_told
        # Codes of assets by id; loaded before anybody follows an account.
        self._codes: dict[int, str] = {}

    async def load_assets(self) -> None:
        """Learn the codes of all assets there are."""
        for row in await in_thread(selectors.list_assets, active_only=False):
            self._codes[row.pk] = row.code

    def happened(self, view: MarketView, event: AccountEvent) -> list[Message] | None:
        """Spell what an event of a market did: its steps in order, then the balances after it."""
        messages: list[Message] = []
        # Steps in markets that this API does not offer have no symbol; their balances count.
        if self._is_told(view):
            messages += [
                _text(execution_report(view.terms, step, event.batch_us)) for step in event.steps
            ]
        if event.balances:
            position = self._position(event.balances, event_us=event.batch_us)
            if position is None:
                return None
            messages.append(position)
        return messages

    def moved(self, change: BalanceState, newest: BalanceState) -> list[Message] | None:
        """Spell a change from outside: what moved first, so that the position has the last word."""
        position = self._position([newest], event_us=change.updated_us)
        if position is None:
            return None
        if not change.moved:
            return [position]
        time_ms = ms_of_us(change.updated_us)
        update = {
            "e": "balanceUpdate",
            "E": time_ms,
            "a": self._codes[change.asset_id],
            "d": eight(change.moved),
            "T": time_ms,
        }
        return [_text(update), position]

    def _position(self, balances: list[BalanceState], *, event_us: int) -> Message | None:
        codes = self._codes
        if any(state.asset_id not in codes for state in balances):
            return None
        updated_us = max(state.updated_us for state in balances)
        return _text(
            {
                "e": "outboundAccountPosition",
                "E": ms_of_us(max(event_us, updated_us)),
                "u": ms_of_us(updated_us),
                "B": [
                    {
                        "a": codes[state.asset_id],
                        "f": eight(state.available),
                        "l": eight(state.locked),
                    }
                    for state in balances
                ],
            }
        )


USER_DATA: Final = UserDataCodec()


def stream_terminated() -> str:
    """Return the last event of a subscription."""
    return _text({"e": "eventStreamTerminated", "E": now_ms()})


def listen_key_expired(listen_key: str) -> str:
    """Return the last event of a listen key's stream."""
    return _text({"e": "listenKeyExpired", "E": now_ms(), "listenKey": listen_key})


def execution_report(terms: MarketTerms, step: AccountStep, batch_us: int) -> dict[str, Any]:
    """Return one step of an order's life. The names are the published ones."""
    change, order, trade = step.change, step.change.order, step.trade
    # Self-trade prevention cancels the taker, which here reads as an expiry.
    is_prevented = order.reason == "self_trade"
    is_cancel = change.kind == "cancelled" and not is_prevented
    client_order_id = order.client_order_id or ""
    charged: tuple[str, str | None] = ("0", None)
    if trade is not None:
        charged = reports.commission(trade, terms, is_maker=change.is_maker)
    created_ms = ms_of_us(order.created_us)
    return {
        "e": "executionReport",
        "E": ms_of_us(batch_us),
        "s": symbol_of(terms),
        "c": (change.cancel_name or client_order_id) if is_cancel else client_order_id,
        "S": reports.side_word(order),
        "o": reports.type_word(order),
        "f": reports.lifetime_word(order),
        "q": reports.quantity_text(order),
        "p": reports.price_text(order),
        "P": ZERO,
        "F": ZERO,
        "g": reports.NO_LIST,
        "C": client_order_id if is_cancel else "",
        "x": "EXPIRED" if is_prevented else EXECUTIONS[change.kind],
        "X": reports.status_word(order),
        "r": "NONE",
        "i": order.id,
        "l": ZERO if trade is None else eight(trade.quantity),
        "z": eight(order.filled_quantity),
        "L": ZERO if trade is None else eight(trade.price),
        "n": charged[0],
        "N": charged[1],
        "T": ms_of_us(batch_us if trade is None else trade.created_us),
        "t": NO_TRADE if trade is None else trade.sequence,
        "I": step.execution_id,
        "w": order.status in OPEN_STATUSES,
        "m": trade is not None and change.is_maker,
        "M": trade is not None,
        "O": created_ms,
        "Z": eight(order.filled_quote),
        "Y": ZERO if trade is None else eight(trade.amount),
        "Q": ZERO if order.quote_quantity is None else eight(order.quote_quantity),
        "W": created_ms,
        "V": reports.SELF_TRADE_PREVENTION,
    }


def _text(event: dict[str, Any]) -> str:
    return encode(event).decode()
