"""The preview of an order: what would become of it, told without placing it."""

from typing import Any, Final

from accounts.access.callers import SCOPE_READ, Caller
from api.process import web_process
from api.transport.threads import read_lasting
from api.v1 import order_words, requests
from api.v1.fitting import fitting
from api.v1.order_words import Shape
from matching.commands.place import PlaceOrder
from matching.conditions import Conditions
from matching.markets.terms import MarketTerms
from matching.preview.services import Preview, Seen
from matching.preview.services import preview_order as preview

# How far into the book an order is followed; what goes beyond that would expire there.
LEVELS_MAX: Final = 2_000
# Nothing is queued, so nothing waits.
_NO_DEADLINE: Final = 0


async def preview_order(caller: Caller, params: Any) -> Shape:
    """Return what would become of an order; takes what placing one takes."""
    caller.require(SCOPE_READ)
    asked = requests.parse_place(params)
    account_pk = caller.account_pk(asked.user_id)
    view = web_process().feed.market(asked.market)
    terms = view.terms
    command = PlaceOrder(
        account_id=account_pk,
        market_id=terms.market_id,
        key=None,
        deadline_ms=_NO_DEADLINE,
        **requests.asked_words(fitting(terms, asked)),
    )
    side = view.book.asks if command.side == "buy" else view.book.bids
    last = view.recent_trades(1)
    seen = Seen(terms, side.top(LEVELS_MAX), last[0].price if last else None)
    sequence = view.depth_sequence
    return _shape(await read_lasting(preview, command, seen), terms, sequence)


def _shape(found: Preview, terms: MarketTerms, sequence: int) -> Shape:
    filled = found.filled_quantity
    is_filled = bool(filled.strip("0."))
    waits = Conditions(trigger_state=found.trigger_state)
    return {
        "accepted": found.is_accepted,
        "code": found.code or None,
        "reason": found.reason or None,
        "message": found.message or None,
        "status": order_words.status(found.status, waits) if found.is_accepted else None,
        "price": found.price,
        "average_price": (
            order_words.average_price(found.filled_quote, filled, terms.quote.scale)
            if is_filled
            else None
        ),
        "worst_price": found.worst_price,
        "filled_quantity": filled,
        "resting_quantity": found.resting_quantity,
        "amount": found.filled_quote,
        "fee": found.fee,
        "fee_asset": found.fee_asset,
        "hold": found.hold,
        "hold_asset": found.hold_asset,
        "sequence": sequence,
    }
