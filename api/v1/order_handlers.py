"""Orders over HTTP: read a request, make one call, wrap what it says."""

from typing import Any

from accounts.access.callers import Caller
from api import limits
from api.v1 import amendments, order_lists, orders, proofs, protections, queue_places, replacing
from api.v1.cursors import take_page
from api.v1.edge_request import EdgeRequest
from api.v1.previews import preview_order
from api.v1.requests import parse_batch
from matching.orders.legs import LEGS_MAX

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


async def place_list(request: EdgeRequest, caller: Caller) -> Body:
    """Place orders that are one thing."""
    asked = request.json()
    if isinstance(asked, dict) and isinstance(items := asked.get("orders"), list):
        # As many as there are, however few of them could be one list.
        await limits.take_for_caller(caller, request.ip, max(0, min(len(items), LEGS_MAX) - 1))
    data = await order_lists.place_list(
        caller, asked, request_id=request.request_id, key=_key(request)
    )
    return {"data": data}


async def read_list(request: EdgeRequest, caller: Caller, list_id: str) -> Body:
    """Read a list with its orders."""
    request.query().check()
    return {"data": await order_lists.read_list(caller, list_id)}


async def cancel_list(request: EdgeRequest, caller: Caller, list_id: str) -> Body:
    """Cancel a list."""
    data = await order_lists.cancel_list(caller, list_id, request_id=request.request_id)
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


async def replace(request: EdgeRequest, caller: Caller, order_id: str) -> Body:
    """Replace an order."""
    data = await replacing.replace_order(
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


async def list_amendments(request: EdgeRequest, caller: Caller, order_id: str) -> Body:
    """List what an order asked for before it was amended."""
    fields = request.query()
    limit, before_id = take_page(fields)
    fields.check()
    page, following = await amendments.list_of_order(
        caller, order_id, limit=limit, before_id=before_id
    )
    return {"data": page, "meta": {"next": following}}


async def read_proof(request: EdgeRequest, caller: Caller, order_id: str) -> Body:
    """Tell what journal, trades and ledger say of an order."""
    fields = request.query()
    limit, after_id = take_page(fields)
    fields.check()
    proof, following = await proofs.of_order(caller, order_id, limit=limit, after_id=after_id)
    return {"data": proof, "meta": {"next": following}}


async def read_places(request: EdgeRequest, caller: Caller, account: str, symbol: str) -> Body:
    """Tell what stands ahead of an account's orders in a market."""
    request.query().check()
    return {"data": await queue_places.of_account(caller, account, symbol)}


def _key(request: EdgeRequest) -> str | None:
    return orders.header_key(request.header(b"idempotency-key"))


# --- what protects quotes -------------------------------------------------------------------------


async def read_protection(request: EdgeRequest, caller: Caller, account: str, symbol: str) -> Body:
    """Read what protects an account's quotes in a market."""
    return {"data": await protections.get(request, caller, account, symbol)}


async def set_protection(request: EdgeRequest, caller: Caller, account: str, symbol: str) -> Body:
    """Protect an account's quotes in a market."""
    return {"data": await protections.put(request, caller, account, symbol)}


async def end_protection(request: EdgeRequest, caller: Caller, account: str, symbol: str) -> Body:
    """Protect them no more."""
    return {"data": await protections.delete(request, caller, account, symbol)}


async def reset_protection(request: EdgeRequest, caller: Caller, account: str, symbol: str) -> Body:
    """Let an account go on whose quotes its protection ended."""
    return {"data": await protections.reset(request, caller, account, symbol)}
