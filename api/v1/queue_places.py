"""Places in the queue: how much stands ahead of an account's orders in a market's book."""

from uuid import UUID

from accounts.access.callers import SCOPE_READ, Caller
from api.process import web_process
from api.v1.fields import is_uuid
from api.v1.order_words import Shape
from zavora.foundation.errors import AccountNotFound, EngineUnavailable


async def of_account(caller: Caller, account: str, symbol: str) -> Shape:
    """Return what is shown ahead of an account's orders, as of a sequence of the book.

    Raises EngineUnavailable where that is not known now.
    """
    caller.require(SCOPE_READ)
    if not is_uuid(account):
        raise AccountNotFound("There is no such account.")
    account_id = UUID(account)
    account_pk = caller.account_pk(account_id)
    view = web_process().feed.market(symbol)
    if not view.is_synced:
        raise EngineUnavailable("market data is not available now")
    places = await view.places.of_account(view.terms, account_pk)
    return {
        "user_id": str(account_id),
        "market": view.terms.symbol,
        "sequence": places.sequence,
        "orders": [
            {"order_id": str(order_id), "queue_ahead": ahead} for order_id, ahead in places.ahead
        ],
    }
