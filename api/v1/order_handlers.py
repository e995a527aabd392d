"""Orders over HTTP: read a request, make one call, wrap what it says."""

from typing import Any

from accounts.access.callers import Caller
from api import limits
from api.v1 import orders
from api.v1.edge_request import EdgeRequest
from api.v1.previews import preview_order
from api.v1.requests import parse_batch

Body = dict[str, Any]


async def place(request: EdgeRequest, caller: Caller) -> Body:
    """Place an order."""
    data = await orders.place_order(
        caller, request.json(), request_id=request.request_id, key=_key(request)
    )
    return {"data": data}


async def place_batch(request: EdgeRequest, caller: Caller) -> Body:
    """Place a list of orders."""
    items = parse_batch(request.json())
    # The request itself is counted; here the rest of its orders are.
    await limits.take_for_caller(caller, request.ip, len(items) - 1)
    data = await orders.place_batch(caller, items, request_id=request.request_id, key=_key(request))
    return {"data": data}


async def cancel(request: EdgeRequest, caller: Caller, order_id: str) -> Body:
    """Cancel an order."""
    data = await orders.cancel_order(
        caller,
        order_id,
        request.json_or_empty(),
        request_id=request.request_id,
        key=_key(request),
    )
    return {"data": data}


async def amend(request: EdgeRequest, caller: Caller, order_id: str) -> Body:
    """Change an order."""
    data = await orders.amend_order(
        caller, order_id, request.json(), request_id=request.request_id, key=_key(request)
    )
    return {"data": data}


async def cancel_all(request: EdgeRequest, caller: Caller) -> Body:
    """Cancel an account's orders."""
    data = await orders.cancel_all(
        caller, request.json(), request_id=request.request_id, key=_key(request)
    )
    return {"data": data}


async def preview(request: EdgeRequest, caller: Caller) -> Body:
    """Tell what would become of an order."""
    return {"data": await preview_order(caller, request.json())}


async def read_order(request: EdgeRequest, caller: Caller, order_id: str) -> Body:
    """Read an order."""
    request.query().check()
    return {"data": await orders.read_order(caller, order_id)}


def _key(request: EdgeRequest) -> str | None:
    return orders.header_key(request.header(b"idempotency-key"))
