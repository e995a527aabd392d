"""What happens to an account, as this API spells it: executionReport, outboundAccountPosition, ...

Each event is made once, as JSON text, for everybody who follows the account.
"""

from collections.abc import Callable
from typing import Any, Final

from accounts.money import selectors
from api.binance.user_data.execution_reports import execution_reports
from api.binance.user_data.list_statuses import ListNames, list_status
from api.binance.words.symbols import is_offered
from api.binance.words.text import eight, ms_of_us
from api.transport.exact_json import encode
from api.transport.threads import in_thread
from marketdata.feed.account_streams import AccountEvent
from marketdata.feed.feed import MarketView, Message
from matching.wire import BalanceState
from zavora.foundation.times import now_ms


class UserDataCodec:
    """Spells the feed's account events as JSON texts."""

    def __init__(self, is_told: Callable[[MarketView], bool] = is_offered) -> None:
        # Whether steps in a market have a symbol by which they can be told.
        self._is_told = is_told
        # Codes of assets by id; loaded before anybody follows an account.
        self._codes: dict[int, str] = {}
        self.list_names = ListNames()

    async def load_assets(self) -> None:
        """Learn the codes of all assets there are."""
        for row in await in_thread(selectors.list_assets, active_only=False):
            self._codes[row.pk] = row.code

    def happened(self, view: MarketView, event: AccountEvent) -> list[Message] | None:
        """Spell what an event of a market did: its steps in order, its lists, then the balances.

        None where it tells of what is not known: an asset, or the orders of a list.
        """
        messages: list[Message] = []
        # Steps in markets that this API does not offer have no symbol; their balances count.
        if self._is_told(view):
            reports = execution_reports(view.terms, event.steps, event.batch_us)
            messages += [_text(report) for report in reports]
            for state in event.lists:
                names = self.list_names.of(state, event.steps)
                if names is None:
                    return None
                messages.append(_text(list_status(view.terms, state, names, event.batch_us)))
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


def _text(event: dict[str, Any]) -> str:
    return encode(event).decode()
