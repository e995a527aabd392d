"""An order in another's place: one command cancels the one and places the other.

Both policies, as for the compatible API: the new order is placed only where the old one was
cancelled, or in any case. What is known of the new order beforehand refuses it before anything is
cancelled, and is answered as its own refusal.
"""

from typing import Any

from accounts.access.callers import SCOPE_TRADE, Caller
from api import limits
from api.orders import submit
from api.transport.errors import envelope, known_error
from api.v1 import order_words
from api.v1.fields import wrong_fields
from api.v1.fitting import terms_of_symbol
from api.v1.order_words import Shape
from api.v1.orders import asked_order, own_order, with_trades
from api.v1.requests import parse_replace
from matching import wire
from matching.commands.replace import ReplaceOrder
from matching.gateway.reply_codes import error_of_refusal
from zavora.foundation.errors import OrderNotFound


async def replace_order(
    caller: Caller, order_id: str, params: Any, *, request_id: str, key: str | None = None
) -> Shape:
    """Replace an open order; return ``{cancelled, placed}``, each as an order or an error.

    ``key`` comes before the new order's client order id. Raises OrderNotFound for an order of
    another account than the new one's.
    """
    caller.require(SCOPE_TRADE)
    asked = parse_replace(params)
    number, account_pk, market_id = await own_order(caller, order_id)
    place, terms = asked_order(caller, asked, key), terms_of_symbol(asked.market)
    if place.account_id != account_pk:
        raise OrderNotFound("There is no such order.")
    if place.market_id != market_id:
        raise wrong_fields({"market": "expected the market of the order to replace"})
    await limits.take_for_account(account_pk)
    command = ReplaceOrder(
        place, order_id=number, client_order_id=None, goes_on=asked.policy == "AllowFailure"
    )
    reply = await submit(command, request_id)
    halves, states = reply.halves or wire.Halves(None, None), list(reply.orders)
    cancelled = _error(halves.cancel_refused)
    if cancelled is None:
        cancelled = {"order": order_words.order(states.pop(0), terms, asked.user_id)}
    placed = _error(halves.place_refused)
    if placed is None and states:
        placed = with_trades(caller, states[0], reply.trades, terms, asked.user_id)
    return {"cancelled": cancelled, "placed": placed}


def _error(refusal: wire.Refusal | None) -> Shape | None:
    return None if refusal is None else {"error": envelope(known_error(error_of_refusal(refusal)))}
