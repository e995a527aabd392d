"""Lists of orders in, answers after the commit: what REST and sockets share.

A list is placed whole or not at all. Of its orders each is as one that comes alone; what becomes of
the others when one ends is the engine's to decide.
"""

from typing import Any, Final
from uuid import UUID

from accounts.access.callers import SCOPE_READ, SCOPE_TRADE, Caller
from api import limits
from api.orders import submit, told_after
from api.transport.threads import in_thread, read_lasting
from api.v1 import order_words, requests
from api.v1.fields import order_id_of
from api.v1.fitting import fitting, public_id_of, terms_of_id, terms_of_symbol
from api.v1.list_requests import parse_list
from api.v1.order_words import Shape
from matching import wire
from matching.commands.cancel import CancelOrder
from matching.commands.place import LegOrder
from matching.commands.place_list import PlaceList
from matching.engine.orders import OPEN_STATUSES
from matching.gateway.client import deadline_ms
from matching.markets.terms import MarketTerms
from matching.orders.legs import list_state
from matching.orders.lists import get_order_list, list_orders_of
from matching.orders.lists import state_of_row as state_of_list
from matching.rows.orders import state_of_row
from zavora.foundation.errors import OrderNotFound, OrderNotOpen

# A list's own name is a key of requests as an order's is, and never the same one.
_NAME_PREFIX: Final = "\t"
_NOT_IN_LISTS: Final = frozenset({"quote_quantity", "carried"})


async def place_list(
    caller: Caller, params: Any, *, request_id: str, key: str | None = None
) -> Shape:
    """Place a list of orders; return ``{list, orders}``. ``key`` comes before its own name."""
    caller.require(SCOPE_TRADE)
    asked = parse_list(params)
    account_pk = caller.account_pk(asked.user_id, SCOPE_TRADE)
    terms = terms_of_symbol(asked.market)
    caller.require_market(terms.symbol)
    name = asked.client_list_id
    command = PlaceList(
        account_id=account_pk,
        market_id=terms.market_id,
        kind=asked.kind,
        legs=[
            _leg(requests.asked_words(fitting(terms, each, within=f"orders[{place}].")))
            for place, each in enumerate(asked.orders)
        ],
        client_list_id=name,
        key=key or (None if name is None else _NAME_PREFIX + name),
        deadline_ms=deadline_ms(),
    )
    for _ in asked.orders:
        await limits.take_for_account(account_pk)
    reply = await submit(command, request_id)
    return _placed(reply, command, terms, asked.user_id)


def _leg(words: dict[str, Any]) -> LegOrder:
    return LegOrder(**{name: word for name, word in words.items() if name not in _NOT_IN_LISTS})


def _placed(reply: wire.Reply, command: PlaceList, terms: MarketTerms, account: UUID) -> Shape:
    is_open = any(state.status in OPEN_STATUSES for state in reply.orders)
    state = list_state(
        reply.list_id,
        kind=command.kind,
        account_id=command.account_id,
        market_id=command.market_id,
        client_list_id=command.client_list_id,
        status="executing" if is_open else "done",
        created_us=reply.orders[0].created_us,
    )
    return {
        "list": order_words.order_list(state, terms, account),
        "orders": [order_words.order(each, terms, account) for each in reply.orders],
    }


async def read_list(caller: Caller, list_id: str) -> Shape:
    """Return one of the caller's lists with its orders, in whatever state."""
    caller.require(SCOPE_READ)
    return await _shape_of(caller, list_id)


async def cancel_list(caller: Caller, list_id: str, *, request_id: str) -> Shape:
    """Cancel what is open of a list; return it with its orders."""
    caller.require(SCOPE_TRADE)
    row = await _own_list(caller, list_id)
    caller.require_in(row.account_id, SCOPE_TRADE)
    terms = terms_of_id(row.market_id)
    caller.require_market(terms.symbol)
    # Any of them ends the others; one that fills meanwhile leaves the next to be cancelled.
    for one in await in_thread(_orders_of, row):
        if one.status not in OPEN_STATUSES:
            continue
        command = CancelOrder(row.account_id, row.market_id, one.pk)
        try:
            await submit(command, request_id)
        except (OrderNotFound, OrderNotOpen):
            continue
        return await told_after(_shape_of(caller, list_id))
    raise OrderNotOpen("No order of the list is open any more.")


async def _own_list(caller: Caller, list_id: str) -> Any:
    number = order_id_of(list_id)
    if number is None:
        raise OrderNotFound("There is no such list of orders.")
    return await in_thread(get_order_list, number, account_ids=list(caller.accounts.values()))


async def _shape_of(caller: Caller, list_id: str) -> Shape:
    row = await _own_list(caller, list_id)
    terms = terms_of_id(row.market_id)
    account = public_id_of(caller, row.account_id)
    rows = await read_lasting(_orders_of, row)
    return {
        "list": order_words.order_list(state_of_list(row), terms, account),
        "orders": [order_words.order(state_of_row(one, terms), terms, account) for one in rows],
    }


def _orders_of(row: Any) -> list[Any]:
    return list_orders_of([row])[row.pk]
